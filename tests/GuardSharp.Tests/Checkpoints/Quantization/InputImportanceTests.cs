using GuardSharp.Checkpoints;
using GuardSharp.Conversations;
using GuardSharp.Tests.Cli;

namespace GuardSharp.Tests.Checkpoints.Quantization;

public sealed class InputImportanceTests : IDisposable
{
    private const string Layer = "language_model.model.layers.0.";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Layers_that_read_the_same_rows_have_the_same_importance()
    {
        var seen = new List<int>();
        var importance = await InputImportance.MeasureAsync(
            GuardClassifier.DefaultModelFolder, [Conversation.OfUser("How do I bake a cake?"), Conversation.OfUser("Wie geht es dir?")], new GuardOptions { Threads = 1 }, seen.Add, TestContext.Current.CancellationToken);
        var query = importance.Of(Layer + "self_attn.q_proj.weight")!;
        Assert.Equal([1, 2], seen);
        Assert.Equal(256, query.Length);
        Assert.Equal(1, query.Average(), 0.02f); // what is raised to the least share adds a little to the mean
        Assert.True(query.Max() > 3 && query.Min() >= 0.0099f);
        Assert.Equal(query, importance.Of(Layer + "self_attn.v_proj.weight"));
        Assert.NotEqual(query, importance.Of(Layer + "feed_forward.gate_proj.weight"));
        Assert.Equal(768, importance.Of(Layer + "feed_forward.down_proj.weight")!.Length);
        // No sample has a picture.
        Assert.Null(importance.Of("vision_model.model.layers.0.mlp.fc1.weight"));
    }

    [Fact]
    public async Task Samples_change_the_scales_of_four_bit_weights_alone()
    {
        _folder.Write("samples.jsonl", """{"id":"1","messages":[{"role":"user","content":"How do I bake a cake?"}]}""" + "\n");
        Assert.Equal(0, (await CommandLineRun.OfAsync("quantize", "--scheme", "int4", "--output", _folder["plain"])).Code);
        Assert.Equal(0, (await CommandLineRun.OfAsync("quantize", "--scheme", "int4", "--samples", _folder["samples.jsonl"], "--output", _folder["sampled"])).Code);
        using var plain = Checkpoint.Open(_folder["plain"]);
        using var sampled = Checkpoint.Open(_folder["sampled"]);
        foreach (var tensor in plain.Tensors)
        {
            var isFourBits = tensor.Type == TensorType.U8 || (plain.TryGet(tensor.Name.Replace("_scale", "", StringComparison.Ordinal), out var numbers) && numbers.Type == TensorType.U8);
            Assert.Equal(!isFourBits, Bytes(tensor).SequenceEqual(Bytes(sampled.Get(tensor.Name))));
        }
    }

    [Fact]
    public async Task A_file_without_samples_is_refused_and_leaves_nothing()
    {
        _folder.Write("samples.jsonl", "\n");
        (await CommandLineRun.OfAsync("quantize", "--samples", _folder["samples.jsonl"], "--output", _folder["new"])).IsRefused("there is no conversation in it");
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    private static unsafe byte[] Bytes(TensorEntry tensor) => new ReadOnlySpan<byte>((void*)tensor.Data, (int)tensor.Bytes).ToArray();
}
