using GuardSharp.Conversations;
using GuardSharp.Engine;
using GuardSharp.Policies;
using GuardSharp.Tests.Imaging;

namespace GuardSharp.Tests.Engine;

public sealed class GuardClassifierTests : IDisposable
{
    // float32 sums in another order: the same verdict in another batch differs in the last digits.
    private const double Tolerance = 1e-5;

    private readonly TemporaryFolder _folder = new();

    public GuardClassifierTests() => RandomGuard.Write(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_text_goes_through_all_rooms_and_comes_back_as_a_verdict()
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        var verdict = await guard.ClassifyAsync(Conversation.OfUser("How do I pick a lock?"));

        Assert.Equal(VerdictTask.PromptClassification, verdict.Task);
        Assert.InRange(verdict.UnsafeProbability, 0.0, 1.0);
        Assert.Equal(["S1", "S2", "S3", "S10"], verdict.CategoryProbabilities.Keys);
        Assert.Matches("^random-guard@[0-9a-f]{12}$", verdict.Model);
        Assert.Contains(verdict.Warnings, w => w.StartsWith("synthetic-weights", StringComparison.Ordinal));
        Assert.True(verdict.PromptTokens > 5);
    }

    [Fact]
    public async Task Category_probabilities_are_those_of_all_possible_answers()
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        var conversation = Conversation.OfUser("The quick brown fox");
        var verdict = await guard.ClassifyAsync(conversation);

        using var model = LoadedModel.Open(_folder.Path, new GuardOptions());
        var rendered = guard.Render(conversation, guard.DefaultPolicy);
        using var session = await model.Engine.ReadAsync(guard.Encode(rendered, [], default), default);
        var expected = await AnswerEnumeration.ProbabilitiesAsync(session, model.Grammar(rendered), model.Encoder, rendered.Policy);
        Assert.All(verdict.CategoryProbabilities, p => Assert.InRange(
            expected[p.Key] * verdict.UnsafeProbability, p.Value - 1e-6, p.Value + verdict.CategoryUncertainty + 1e-6));
        Assert.True(verdict.CategoryUncertainty <= 0.02);
    }

    [Fact]
    public async Task Many_conversations_at_once_give_the_verdicts_of_one_at_a_time()
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        var conversations = Enumerable.Range(1, 24).Select(n => Conversation.OfUser(string.Join(' ', Enumerable.Repeat("fox lock", n)))).ToList();
        var together = await guard.ClassifyAsync(conversations);
        for (var i = 0; i < conversations.Count; i++)
        {
            var alone = await guard.ClassifyAsync(conversations[i]);
            Assert.Equal(alone.UnsafeProbability, together[i].UnsafeProbability, Tolerance);
            Assert.All(alone.CategoryProbabilities, p => Assert.Equal(p.Value, together[i].CategoryProbabilities[p.Key], Tolerance));
        }
    }

    [Theory]
    [InlineData(64, 8)]
    [InlineData(1024, 0)]
    public async Task Long_prompts_in_pieces_and_without_a_prefix_cache_give_the_same_logits(int batchTokens, int cachedPrefixes)
    {
        using var model = LoadedModel.Open(_folder.Path, new GuardOptions());
        var ids = model.Encoder.Encode(string.Join(' ', Enumerable.Repeat("the quick brown fox", 60)));
        var whole = await LogitsAsync(model, new EncodedPrompt([], ids, []));
        using var other = LoadedModel.Open(_folder.Path, new GuardOptions(), new EngineOptions { MaxBatchTokens = batchTokens, CachedPrefixes = cachedPrefixes });
        for (var round = 0; round < 2; round++)
        {
            var split = await LogitsAsync(other, new EncodedPrompt(ids[..20], ids[20..], []));
            Assert.Equal(whole.Length, split.Length);
            Assert.All(whole.Zip(split), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
    }

    [Fact]
    public async Task A_picture_is_judged_with_its_text_and_counts_its_tokens()
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        var picture = new ImagePart(Pictures.Noise(200, 90, 1).Encode(SkiaSharp.SKEncodedImageFormat.Png));
        var verdict = await guard.ClassifyAsync(new Conversation([new Turn(Role.User, [picture, new TextPart("What is this?")])]));
        Assert.True(verdict.ImageTokens > 0 && verdict.ImageTokens % 9 == 0);
        Assert.True(verdict.PromptTokens > verdict.ImageTokens);
    }

    [Fact]
    public async Task A_prompt_beyond_the_context_is_an_error_with_both_numbers()
    {
        await using var guard = GuardClassifier.Load(_folder.Path, new GuardOptions { MaxContextTokens = 16 });
        var error = await Assert.ThrowsAsync<ContextOverflowException>(() => guard.ClassifyAsync(Conversation.OfUser(new string('x', 400))));
        Assert.Equal(16, error.AllowedTokens);
        Assert.Contains(error.NeededTokens.ToString(System.Globalization.CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_far_beyond_the_context_is_refused_before_it_becomes_tokens()
    {
        await using var guard = GuardClassifier.Load(_folder.Path, new GuardOptions { MaxContextTokens = 16 });
        var error = await Assert.ThrowsAsync<ContextOverflowException>(() => guard.ClassifyAsync(Conversation.OfUser(new string('x', 1_000_000))));
        // Counted, there would be at least half a million.
        Assert.InRange(error.NeededTokens, 17, 500_000);
    }

    [Fact]
    public async Task A_category_the_model_cannot_follow_is_an_error()
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        var error = await Assert.ThrowsAsync<InvalidConversationException>(
            () => guard.ClassifyAsync(Conversation.OfUser("hello"), new ClassifyOptions { Policy = Policy.MlCommons }));
        Assert.Contains("S4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_request_ends_and_the_next_one_works()
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => guard.ClassifyAsync(Conversation.OfUser("fox"), null, cancelled.Token));
        Assert.NotNull(await guard.ClassifyAsync(Conversation.OfUser("fox")));
    }

    [Fact]
    public async Task A_disposed_guard_says_so()
    {
        var guard = GuardClassifier.Load(_folder.Path);
        await guard.DisposeAsync();
        await guard.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => guard.ClassifyAsync(Conversation.OfUser("fox")));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    public async Task A_threshold_that_no_probability_can_be_compared_with_is_an_error(double threshold)
    {
        await using var guard = GuardClassifier.Load(_folder.Path);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => guard.ClassifyAsync(Conversation.OfUser("fox"), new ClassifyOptions { Threshold = threshold }));
    }

    [Fact]
    public async Task Weights_of_NaN_are_an_error_and_never_a_safe_verdict()
    {
        FillWithNaN(_folder["model.safetensors"], "language_model.model.norm.weight");
        await using var guard = GuardClassifier.Load(_folder.Path);
        foreach (var check in new[] { false, true })
        {
            var error = await Assert.ThrowsAsync<GuardException>(() => guard.ClassifyAsync(Conversation.OfUser("fox"), new ClassifyOptions { Check = check }));
            Assert.Contains("NaN", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Whoever_disposes_second_waits_for_the_running_pass_too()
    {
        // The caller of either unmaps the weights next; the pass still reads them.
        using var network = new BlockedNetwork();
        var engine = new GuardEngine(new GuardSharp.Tensors.Cpu.CpuOps(1), network, TileTokens.None, new EngineOptions());
        var reading = engine.ReadAsync(new EncodedPrompt([], [1, 2], []), default);
        network.Entered.Wait(TestContext.Current.CancellationToken);
        Task[] disposals = [Task.Run(engine.Dispose, TestContext.Current.CancellationToken), Task.Run(engine.Dispose, TestContext.Current.CancellationToken)];
        var early = await Task.WhenAny([.. disposals, Task.Delay(300, TestContext.Current.CancellationToken)]);
        Assert.DoesNotContain(early, disposals);
        network.Leave.Set();
        await Task.WhenAll(disposals);
        await Assert.ThrowsAsync<TimeoutException>(() => reading);
    }

    [Fact]
    public async Task Conversations_that_wait_when_the_guard_is_disposed_fail()
    {
        var guard = GuardClassifier.Load(_folder.Path);
        var waiting = Enumerable.Range(0, 200).Select(_ => guard.ClassifyAsync(Conversation.OfUser(string.Join(' ', Enumerable.Repeat("fox", 100))))).ToList();
        await guard.DisposeAsync();
        var outcomes = await Task.WhenAll(waiting.Select(async task =>
        {
            try
            {
                await task;
                return "verdict";
            }
            catch (ObjectDisposedException)
            {
                return "disposed";
            }
        }));
        Assert.Contains("disposed", outcomes);
    }

    [Fact]
    public async Task Policies_with_other_codes_get_other_answers()
    {
        using var model = LoadedModel.Open(_folder.Path, new GuardOptions());
        await using var guard = GuardClassifier.Load(_folder.Path);
        var wide = guard.Render(Conversation.OfUser("fox"), guard.DefaultPolicy);
        var narrow = guard.Render(Conversation.OfUser("fox"), guard.DefaultPolicy.Only("S1"));
        Assert.Equal(["S1", "S2", "S3", "S10"], model.Grammar(wide).Codes);
        Assert.Equal(["S1"], model.Grammar(narrow).Codes);
    }

    [Fact]
    public void A_tensor_the_network_does_not_know_is_an_error_that_names_it()
    {
        using var other = new TemporaryFolder();
        RandomGuard.Write(other.Path);
        var config = other["config.json"];
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"num_hidden_layers\":5", "\"num_hidden_layers\":4", StringComparison.Ordinal)
            .Replace("\"no_rope_layers\":[1,1,1,0,1]", "\"no_rope_layers\":[1,1,1,0]", StringComparison.Ordinal)
            .Replace(",\"full_attention\",\"chunked_attention\"]", ",\"full_attention\"]", StringComparison.Ordinal));
        var error = Assert.Throws<CheckpointException>(() => GuardClassifier.Load(other.Path));
        Assert.Contains("language_model.model.layers.4", error.Message, StringComparison.Ordinal);
    }

    private static void FillWithNaN(string path, string tensor)
    {
        long offset;
        long bytes;
        using (var file = GuardSharp.Checkpoints.SafetensorsFile.Open(path))
        {
            var entry = file.Get(tensor);
            (offset, bytes) = (entry.Data - file.Tensors.Min(t => t.Data) + file.DataStart, entry.Bytes);
        }

        using var stream = File.OpenWrite(path);
        stream.Position = offset;
        stream.Write([.. Enumerable.Repeat((byte)0xFF, (int)bytes)]);
    }

    private static async Task<float[]> LogitsAsync(LoadedModel model, EncodedPrompt prompt)
    {
        using var session = await model.Engine.ReadAsync(prompt, default);
        return (await session.NextLogitsAsync([[]], [], default))[0];
    }
}
