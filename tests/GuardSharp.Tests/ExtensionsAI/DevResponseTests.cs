using System.Text;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

/// <summary>Real answers through the real small guard, in chunks of every kind.</summary>
public sealed class DevResponseTests
{
    // A judgement of a growing text computes sums in another order than one from scratch (docs/decisions/0013-caches.md: logits within 1e-4).
    private const double Tolerance = 1e-3;

    private static readonly GuardedChatOptions _options = new() { Filters = GuardFilters.Output };

    [Fact]
    public async Task Every_released_beginning_of_200_answers_is_safe_from_scratch_and_every_chunking_ends_in_the_plain_verdict()
    {
        var path = TestFiles.Shared("data", "guard-dev.jsonl.gz");
        var samples = SampleReader.Read(path, labelled: true).Where(sample => sample.Task == SampleTask.Response).ToList();
        // Every second one, so that more of the file takes part.
        var chosen = samples.Where((_, i) => i % 2 == 0).Take(200).ToList();
        Assert.Equal(200, chosen.Count);
        await using var guard = GuardClassifier.Load(options: new GuardOptions { Threads = 1 });
        await using var scratch = GuardClassifier.Load(options: new GuardOptions { Threads = 1, ConversationCacheBytes = 0, ImageCacheBytes = 0 });
        var random = new Random(11);
        int blocked = 0, pieces = 0;
        foreach (var sample in chosen)
        {
            var run = await RunAsync(guard, scratch, sample.Conversation, random);
            blocked += run.Blocked ? 1 : 0;
            pieces += run.Pieces;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"200 answers, {blocked} blocked, {pieces} released pieces, each judged again from scratch");
        Assert.InRange(blocked, 1, 199);
    }

    private static async Task<(bool Blocked, int Pieces)> RunAsync(GuardClassifier guard, GuardClassifier scratch, Conversation conversation, Random random)
    {
        var text = FakeGuard.TextOf(conversation.Turns[^1]);
        var context = conversation.Turns.Take(conversation.Turns.Count - 1).ToList();
        var messages = context.Select(turn => new ChatMessage(turn.Role == Role.User ? ChatRole.User : ChatRole.Assistant, FakeGuard.TextOf(turn))).ToList();
        var cuts = Enumerable.Range(0, 40).Select(_ => random.Next(1, 30)).ToArray();
        using var client = new GuardedChatClient(FakeChatClient.Saying([.. StreamPropertyTests.Cut(text, cuts)]), guard, _options);

        var whole = await scratch.ClassifyAsync(conversation);
        var response = await client.GetResponseAsync(messages);
        Assert.Equal(whole.UnsafeProbability, response.GetVerdict()!.UnsafeProbability, Tolerance);
        Assert.Equal(whole.Unsafe, response.IsBlocked());

        var released = new StringBuilder();
        var updates = new List<ChatResponseUpdate>();
        var pieces = 0;
        await foreach (var update in client.GetStreamingResponseAsync(messages))
        {
            updates.Add(update);
            if (update.FinishReason == ChatFinishReason.ContentFilter || update.Text.Length == 0)
                continue;
            released.Append(update.Text);
            pieces++;
            var verdict = await scratch.ClassifyAsync(new([.. context, Turn.Assistant(released.ToString())]));
            Assert.True(verdict.UnsafeProbability < verdict.Threshold + Tolerance, $"a released beginning of {released.Length} characters has P(unsafe) {verdict.UnsafeProbability}");
        }

        var streamed = updates.ToChatResponse();
        Assert.Equal(whole.UnsafeProbability, streamed.GetVerdict()!.UnsafeProbability, Tolerance);
        Assert.Equal(whole.Unsafe, streamed.IsBlocked());
        if (!whole.Unsafe)
            Assert.Equal(text, released.ToString());
        return (whole.Unsafe, pieces);
    }
}
