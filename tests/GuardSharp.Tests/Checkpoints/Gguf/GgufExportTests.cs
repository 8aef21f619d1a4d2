using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Tests.Engine;

namespace GuardSharp.Tests.Checkpoints.Gguf;

public sealed class GgufExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string ModelPath => _folder["model.gguf"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tied", "f32", 1e-4f)]   // the same weights, sums in another order
    [InlineData("untied", "f32", 1e-4f)]
    [InlineData("untied", "f16", 2e-2f)] // each weight rounded by up to 1/2048, logits up to 5
    public void An_exported_model_computes_what_its_folder_does(string form, string type, float tolerance)
    {
        var golden = TestFiles.Golden("llama-tiny", form);
        Export(golden, new GgufForm(GgufForm.Parse(type)!.Value));
        var (expected, actual) = (GgufTests.Logits(golden), GgufTests.Logits(ModelPath));
        Assert.InRange(expected.Zip(actual).Max(pair => MathF.Abs(pair.First - pair.Second)), 0, tolerance);
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("f16")]
    public void Every_tensor_is_what_the_tests_own_writer_makes_of_it(string type)
    {
        var golden = TestFiles.Golden("llama-tiny", "untied");
        GgufSample.Of(golden, type == "f32" ? GgufSample.F32 : GgufSample.F16, uneven: type == "f32" ? GgufSample.F32 : GgufSample.F16).Write(_folder["sample.gguf"]);
        Export(golden, new GgufForm(GgufForm.Parse(type)!.Value));
        SameTensors(_folder["sample.gguf"], ModelPath, except: null);
    }

    // llama-quantize made those files from the same F16 file; its Q4_0 holds the head in Q6_K, ours in Q8_0 or, on demand, in Q4_0.
    [Theory]
    [InlineData("q8_0", false, null)]
    [InlineData("q4_0", false, "model.embed_tokens.weight")]
    [InlineData("q4_0", true, "model.embed_tokens.weight")]
    public void Blocks_are_those_of_llama_cpps_quantiser_to_the_last_bit(string type, bool pure, string? head)
    {
        Export(TestFiles.Golden("gguf", "f16.gguf"), new GgufForm(GgufForm.Parse(type)!.Value, pure));
        SameTensors(TestFiles.Golden("gguf", type + ".gguf"), ModelPath, head);
        using var ours = Checkpoint.Open(ModelPath);
        Assert.Equal(type == "q8_0" || !pure ? TensorType.Q80 : TensorType.Q40, ours.Get("model.embed_tokens.weight").Type);
        if (!pure)
        {
            using var eight = Checkpoint.Open(TestFiles.Golden("gguf", "q8_0.gguf"));
            Assert.True(Bytes(eight.Get("model.embed_tokens.weight")).SequenceEqual(Bytes(ours.Get("model.embed_tokens.weight"))));
        }
    }

    [Fact]
    public void What_guardsharp_json_says_goes_along()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.Golden("llama-tiny", "tied"));
        var manifest = new GuardManifest
        {
            Name = "made-up",
            Version = "3",
            Codes = ["S1", "S2"],
            Threshold = 0.7,
            Temperature = 1.5,
            Synthetic = true,
            WeightsSha256 = new string('a', 64),
        };
        var export = new GgufExport(checkpoint, Config(TestFiles.Golden("llama-tiny", "tied")), new GgufForm(TensorType.F16), null, manifest);
        export.Write(ModelPath, _ => { }, CancellationToken.None);
        var read = GuardManifest.Read(ModelPath)!;
        Assert.Equal(["S1", "S2"], read.Codes);
        Assert.Equal(("made-up", "3", 0.7, 1.5, true, (string?)null), (read.Name, read.Version, read.Threshold, read.Temperature, read.Synthetic, read.WeightsSha256));
        Assert.Null(GuardManifest.Read(TestFiles.Golden("gguf", "f16.gguf")));
    }

    [Fact]
    public void Q4_0_gives_the_number_of_the_largest_size_the_step_minus_8_with_its_sign()
    {
        // Of equal sizes the first counts; a block of zeros has the scale 0.
        var values = new float[64];
        (values[3], values[4], values[20]) = (-2, 2, 1);
        var blocks = new byte[2 * TensorType.Q40.BlockBytes()];
        Quantisation.Run(TensorType.Q40, values, blocks);
        var back = new float[64];
        Dequantisation.Run(TensorType.Q40, blocks, back);
        Assert.Equal((-2, 1.75f, 1), (back[3], back[4], back[20]));
        Assert.All(back.Skip(32), value => Assert.Equal(0, value));
    }

    [Fact]
    public void The_tokenizer_and_the_ends_of_an_answer_go_along()
    {
        using var source = new TemporaryFolder();
        Llama3Folders.WriteLlama(source.Path);
        var original = ModelTokenizer.Load(source.Path);
        var config = Config(source.Path);
        Export(source.Path, new GgufForm(TensorType.F32), ModelTokenizer.Listed(original, "source"));
        var copy = ModelTokenizer.Load(ModelPath);
        Assert.Equal(original.MergeList(), copy.MergeList());
        Assert.Equal(original.Specials.OrderBy(pair => pair.Value), copy.Specials.Where(pair => !pair.Key.StartsWith("[PAD", StringComparison.Ordinal)).OrderBy(pair => pair.Value));
        Assert.Equal(config.Dimensions.VocabularySize, copy.VocabularySize);
        Assert.All(Enumerable.Range(0, original.VocabularySize), id => Assert.Equal(original.BytesOf(id).ToArray(), copy.BytesOf(id).ToArray()));
        var exported = Config(ModelPath);
        Assert.Equal((config.BeginId, config.Heads, config.MaxPositions), (exported.BeginId, exported.Heads, exported.MaxPositions));
        Assert.Equal(config.EndIds.Order(), exported.EndIds.Order());
    }

    [Fact]
    public void A_stopped_export_leaves_nothing()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.Golden("llama-tiny", "tied"));
        var export = new GgufExport(checkpoint, Config(TestFiles.Golden("llama-tiny", "tied")), new GgufForm(TensorType.Q80), null);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => export.Write(ModelPath, _ => stop.Cancel(), stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void More_tokens_than_rows_of_the_embedding_are_refused()
    {
        var vocabulary = new GgufVocabulary(["a", "b", "c"], [1, 1, 1], []);
        Assert.Contains("3 tokens, but the model's embedding 2 rows", Assert.Throws<CheckpointException>(() => vocabulary.FilledTo(2)).Message, StringComparison.Ordinal);
        Assert.Equal([1, 1, 1, GgufVocabulary.Unused], vocabulary.FilledTo(4).Types);
    }

    private static LlamaConfig Config(string path) => (LlamaConfig)ModelConfig.Read(path);

    private void Export(string source, GgufForm form, GgufVocabulary? vocabulary = null)
    {
        using var checkpoint = Checkpoint.Open(source);
        var export = new GgufExport(checkpoint, Config(source), form, vocabulary);
        var bytes = 0L;
        export.Write(ModelPath, count => bytes += count, CancellationToken.None);
        Assert.InRange(bytes, export.Bytes * 9 / 10, export.Bytes);
    }

    private static void SameTensors(string expected, string actual, string? except)
    {
        using var theirs = Checkpoint.Open(expected);
        using var ours = Checkpoint.Open(actual);
        Assert.Equal(theirs.Names.Order(), ours.Names.Order());
        foreach (var tensor in theirs.Tensors.Where(tensor => tensor.Name != except))
        {
            var own = ours.Get(tensor.Name);
            Assert.Equal((tensor.Type, Printable.Shape(tensor.Shape)), (own.Type, Printable.Shape(own.Shape)));
            Assert.True(Bytes(tensor).SequenceEqual(Bytes(own)), tensor.Name);
        }
    }

    private static unsafe ReadOnlySpan<byte> Bytes(TensorEntry tensor) => new((byte*)tensor.Data, (int)tensor.Bytes);
}
