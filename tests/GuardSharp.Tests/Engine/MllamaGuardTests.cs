using GuardSharp.Checkpoints;
using GuardSharp.Conversations;
using GuardSharp.Engine;
using GuardSharp.Models;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tests.Imaging;

namespace GuardSharp.Tests.Engine;

/// <summary>A whole folder of the mllama architecture, from picture to verdict; its weights are the golden ones, its verdicts mean nothing.</summary>
public sealed class MllamaGuardTests : IDisposable
{
    // float32 sums in another order: the same verdict in another batch differs in the last digits.
    private const double Tolerance = 1e-5;

    // The same of logits of size about 10.
    private const float LogitTolerance = 1e-4f;

    private readonly TemporaryFolder _folder = new();
    private readonly int _imageToken;

    public MllamaGuardTests()
    {
        Llama3Folders.WriteMllama(_folder.Path);
        Assert.True(GuardSharp.Tokenization.TokenizerFile.Load(_folder.Path).TryGetSpecial("<|image|>", out _imageToken));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_JPEG_is_judged_by_the_prompt_of_Guard_3_Vision()
    {
        await using var guard = Load();
        Assert.Equal((PromptVariant.Guard3Vision, 1), (guard.Capabilities.PromptVariant, guard.Capabilities.MaxImages));
        var verdict = await guard.ClassifyAsync(With(1), cancellationToken: Cancellation);
        Assert.InRange(verdict.UnsafeProbability, 0, 1);
        Assert.Equal(13, verdict.CategoryProbabilities.Count);
        Assert.Equal(1, verdict.ImageTokens);
        Assert.True(verdict.PromptTokens > 100);
    }

    [Theory]
    [InlineData(MaskedRows.HuggingFace)]
    [InlineData(MaskedRows.Meta)]
    public async Task A_picture_changes_its_own_verdict_and_no_other(MaskedRows maskedRows)
    {
        await using var guard = Load(maskedRows);
        Conversation[] conversations = [Conversation.OfUser("What is this?"), With(1), With(2), Conversation.OfUser("What is this?"), With(1)];
        var alone = new List<double>();
        foreach (var conversation in conversations)
        {
            alone.Add((await guard.ClassifyAsync(conversation, cancellationToken: Cancellation)).UnsafeProbability);
        }

        Assert.Equal(alone[0], alone[3], Tolerance);
        Assert.Equal(alone[1], alone[4], Tolerance);
        Assert.NotEqual(alone[0], alone[1], 1e-3);
        Assert.NotEqual(alone[1], alone[2], 1e-3);

        var together = await guard.ClassifyAsync(conversations, cancellationToken: Cancellation);
        for (var i = 0; i < alone.Count; i++)
        {
            Assert.Equal(alone[i], together[i].UnsafeProbability, Tolerance);
        }
    }

    [Theory]
    [InlineData(MaskedRows.HuggingFace, 64, 8)]
    [InlineData(MaskedRows.HuggingFace, 1024, 8)]
    [InlineData(MaskedRows.Meta, 64, 8)]
    [InlineData(MaskedRows.Meta, 1024, 8)]
    [InlineData(MaskedRows.Meta, 1024, 0)]
    public async Task Prefixes_pieces_and_continuations_give_the_logits_of_one_whole_prompt(MaskedRows maskedRows, int batchTokens, int cachedPrefixes)
    {
        var options = new GuardOptions { Threads = 1, MaskedRows = maskedRows };
        using var whole = LoadedModel.Open(_folder.Path, options);
        using var model = LoadedModel.Open(_folder.Path, options, new EngineOptions { MaxBatchTokens = batchTokens, CachedPrefixes = cachedPrefixes });
        var text = whole.Encoder.Encode(string.Join(' ', Enumerable.Repeat("the quick brown fox", 40)));
        int[] ids = [.. text[..90], _imageToken, .. text[90..]];
        // Other pictures behind the same prefix: what one of them left there must not be seen.
        foreach (var seed in (int[])[1, 2, 1])
        {
            EncodedImage picture = Pixels(seed);
            var expected = await LogitsAsync(whole, new EncodedPrompt([], ids, [picture]));
            Assert.All((await LogitsAsync(model, new EncodedPrompt(ids[..70], ids[70..], [picture]))).Zip(expected), AssertEqual);
            Assert.All((await LogitsAsync(model, new EncodedPrompt(ids[..70], ids[70..^3], [picture]), ids[^3..])).Zip(expected), AssertEqual);
        }

        var prefix = await LogitsAsync(whole, new EncodedPrompt([], ids[..80], []));
        Assert.All((await LogitsAsync(model, new EncodedPrompt(ids[..70], ids[70..80], []))).Zip(prefix), AssertEqual);

        static void AssertEqual((float Seen, float Expected) pair) => Assert.Equal(pair.Expected, pair.Seen, LogitTolerance);
    }

    [Fact]
    public async Task Eight_threads_at_once_get_the_verdicts_of_one_after_the_other()
    {
        await using var guard = Load();
        (int Width, int Height)[] sizes = [(1, 1), (3000, 1), (1, 3000), (56, 56), (57, 55), (112, 56), (300, 200), (40, 500)];
        var conversations = sizes.Select((size, i) => new Conversation([new Turn(Role.User, i % 3 == 2
            ? [new TextPart($"Is {i} a picture?")]
            : [new ImagePart(Pictures.Noise(size.Width, size.Height, i).Encode(SkiaSharp.SKEncodedImageFormat.Png)), new TextPart(string.Concat(Enumerable.Repeat("what is this ", 1 + (i * 3))))])])).ToList();
        var expected = new List<Verdict>();
        foreach (var conversation in conversations)
        {
            expected.Add(await guard.ClassifyAsync(conversation, cancellationToken: Cancellation));
        }

        var seen = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(() => guard.ClassifyAsync(conversations[i % 8], cancellationToken: Cancellation))));
        Assert.All(seen, (verdict, i) =>
        {
            Assert.Equal(expected[i % 8].UnsafeProbability, verdict.UnsafeProbability, Tolerance);
            Assert.Equal(expected[i % 8].ImageTokens, verdict.ImageTokens);
            Assert.Equal(expected[i % 8].PromptTokens, verdict.PromptTokens);
        });
    }

    [Fact]
    public async Task The_two_readings_of_masked_rows_differ()
    {
        await using GuardClassifier one = Load(), other = Load(MaskedRows.Meta);
        var (first, second) = (await one.ClassifyAsync(With(1), cancellationToken: Cancellation), await other.ClassifyAsync(With(1), cancellationToken: Cancellation));
        Assert.NotEqual(first.UnsafeProbability, second.UnsafeProbability, 1e-4);
        var text = Conversation.OfUser("What is this?");
        Assert.Equal(
            (await one.ClassifyAsync(text, cancellationToken: Cancellation)).UnsafeProbability,
            (await other.ClassifyAsync(text, cancellationToken: Cancellation)).UnsafeProbability,
            Tolerance);
    }

    [Fact]
    public async Task Two_pictures_are_an_error_that_says_how_many_are_allowed()
    {
        await using var guard = Load();
        Conversation two = new([new Turn(Role.User, [Jpeg(1), Jpeg(2), new TextPart("x")])]);
        var error = await Assert.ThrowsAsync<InvalidConversationException>(() => guard.ClassifyAsync(two, cancellationToken: Cancellation));
        Assert.Contains("takes at most 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_token_that_the_tokenizer_numbers_otherwise_is_an_error()
    {
        var path = _folder["config.json"];
        File.WriteAllText(path, File.ReadAllText(path).Replace($"\"image_token_index\":{_imageToken}", "\"image_token_index\":512", StringComparison.Ordinal));
        Assert.Contains("image_token_index is 512", Assert.Throws<CheckpointException>(() => Load()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tensors_under_the_names_of_newer_files_give_the_same_verdict()
    {
        double expected;
        await using (var guard = Load())
        {
            expected = (await guard.ClassifyAsync(With(1), cancellationToken: Cancellation)).UnsafeProbability;
        }

        Rename();
        Assert.Empty(ModelSummary.Read(_folder.Path).Problems);
        await using var renamed = Load();
        Assert.Equal(expected, (await renamed.ClassifyAsync(With(1), cancellationToken: Cancellation)).UnsafeProbability, Tolerance);
    }

    private static ImagePart Jpeg(int seed) => new(Pictures.Noise(200, 90 + seed, seed).Encode(SkiaSharp.SKEncodedImageFormat.Jpeg));

    private static Conversation With(int picture) => new([new Turn(Role.User, [Jpeg(picture), new TextPart("What is this?")])]);

    private static EncodedImage Pixels(int seed)
    {
        var random = new Random(seed);
        return new EncodedImage([.. Enumerable.Range(0, 2 * 3 * 56 * 56).Select(_ => (random.NextSingle() * 2) - 1)], 1, 2);
    }

    private static async Task<float[]> LogitsAsync(LoadedModel model, EncodedPrompt prompt, params int[] continuation)
    {
        using var session = await model.Engine.ReadAsync(prompt, Cancellation);
        return (await session.NextLogitsAsync([continuation], [], Cancellation))[0];
    }

    private GuardClassifier Load(MaskedRows maskedRows = MaskedRows.HuggingFace) =>
        GuardClassifier.Load(_folder.Path, new GuardOptions { Threads = 1, MaskedRows = maskedRows });

    private void Rename()
    {
        using var source = Checkpoint.Open(TestFiles.Golden("mllama-tiny"));
        using var writer = SafetensorsWriter.Create(
            _folder["model.safetensors"], source.Tensors.Select(tensor => new TensorPlan(MllamaNames.Nested(tensor.Name), TensorType.F32, [.. tensor.Shape])));
        foreach (var tensor in source.Tensors)
        {
            writer.Append(MllamaNames.Nested(tensor.Name), tensor.ToSingles());
        }

        writer.Commit();
    }
}
