using GuardSharp.Conversations;
using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

/// <summary>That the prompts of a growing conversation begin alike, up to where it ended before.</summary>
public sealed class ChatCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_next_prompt_begins_with_all_of_the_conversation_and_none_of_the_question(bool isLlama)
    {
        Write(isLlama);
        await using var guard = GuardClassifier.Load(_folder.Path);
        var first = Encode(guard, "The quick brown fox asks how to pick a lock.");
        var second = Encode(guard, "The quick brown fox asks how to pick a lock.", "It should not.", "Why not?");
        var common = first.AllIds().AsSpan().CommonPrefixLength(second.AllIds());
        // The place is estimated by tokens of the question alone: a merge across its border is one or two tokens.
        Assert.InRange(first.Reusable, common - 2, common + 2);
        Assert.InRange(first.Reusable, first.Prefix.Length + 5, first.Length - 1);

        var grown = Encode(guard, "The quick brown fox asks how to pick a lock. And so");
        Assert.InRange(first.AllIds().AsSpan().CommonPrefixLength(grown.AllIds()), first.Reusable - 4, first.Reusable);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_chat_judged_turn_by_turn_gets_the_verdicts_of_a_guard_that_keeps_nothing(bool isLlama)
    {
        Write(isLlama);
        await using var keeping = GuardClassifier.Load(_folder.Path, new GuardOptions { Threads = 1, ConversationCacheBytes = 1 << 24 });
        await using var plain = GuardClassifier.Load(_folder.Path, new GuardOptions { Threads = 1, ConversationCacheBytes = 0 });
        string[] texts = ["The quick brown fox", "asks how", "to pick a lock.", "Bonjour", "S1, S2 unsafe?"];
        for (var turns = 1; turns <= texts.Length; turns++)
        {
            var conversation = Chat(texts[..turns]);
            var (seen, expected) = (await keeping.ClassifyAsync(conversation, cancellationToken: Cancellation), await plain.ClassifyAsync(conversation, cancellationToken: Cancellation));
            // float32 sums in another order.
            Assert.Equal(expected.UnsafeProbability, seen.UnsafeProbability, 1e-5);
            Assert.All(expected.CategoryProbabilities, p => Assert.Equal(p.Value, seen.CategoryProbabilities[p.Key], 1e-5));
        }

        // The plain one frees its last session in a moment; then it has the policies alone.
        await EngineCancellationTests.UntilAsync(() => keeping.Engine.LiveCacheBytes > plain.Engine.LiveCacheBytes);
    }

    [Fact]
    public void Limits_that_cannot_be_are_refused_by_their_names()
    {
        Write(isLlama: false);
        Assert.Equal("ConversationCacheBytes", Refused(new GuardOptions { ConversationCacheBytes = -1 }));
        Assert.Equal("ImageCacheBytes", Refused(new GuardOptions { ImageCacheBytes = -1 }));
        Assert.Equal("CacheIdleSeconds", Refused(new GuardOptions { CacheIdleSeconds = 0 }));
        Assert.Equal("QueueCapacity", Refused(new GuardOptions { QueueCapacity = 0 }));

        string? Refused(GuardOptions options) => Assert.Throws<ArgumentOutOfRangeException>(() => GuardClassifier.Load(_folder.Path, options)).ParamName;
    }

    private static EncodedPrompt Encode(GuardClassifier guard, params string[] texts) => guard.Encode(guard.Render(Chat(texts), guard.DefaultPolicy), [], Cancellation);

    private static Conversation Chat(params string[] texts) => new([.. texts.Select((text, i) => i % 2 == 0 ? Turn.User(text) : Turn.Assistant(text))]);

    private void Write(bool isLlama)
    {
        if (isLlama)
        {
            Llama3Folders.WriteLlama(_folder.Path);
        }
        else
        {
            RandomGuard.Write(_folder.Path);
        }
    }
}
