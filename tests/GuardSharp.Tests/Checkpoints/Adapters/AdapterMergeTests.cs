using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Checkpoints.Adapters;

/// <summary>An adapter at inference and the model it was merged into are one function.</summary>
public sealed class AdapterMergeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama-tiny/tied", "short", false)]
    [InlineData("llama-tiny/untied", "short", true)]
    [InlineData("llama4-tiny", "image_2x3_tiles", false)]
    [InlineData("llama4-tiny", "image_2x3_tiles", true)]
    [InlineData("mllama-tiny", "image_1x2_padded", false)]
    [InlineData("mllama-tiny", "image_1x2_padded", true)]
    public void A_merged_model_computes_what_its_base_does_with_the_adapter(string model, string name, bool torch)
    {
        var (source, golden) = (TestFiles.Golden(model.Split('/')), TestFiles.Golden([.. model.Split('/'), "cases", $"{name}.safetensors"]));
        var adapter = AdapterSample.Write(_folder["adapter"], source);
        Merge(source, adapter);
        ITensorOps Ops() => torch ? new TorchOps() : new CpuOps(2);
        var (plain, adapted, merged) = (
            AdapterSample.Run(source, golden, Ops, null), AdapterSample.Run(source, golden, Ops, adapter), AdapterSample.Run(_folder["merged"], golden, Ops, null));
        Assert.True(AdapterSample.Difference(plain, adapted) > 0.02, "the adapter must change something, or nothing is tested");
        // float32 sums in another order.
        Assert.InRange(AdapterSample.Difference(adapted, merged), 0, 1e-5);
    }

    [Fact]
    public void Merged_numbers_are_rounded_once_to_the_type_of_the_base_and_all_others_stay()
    {
        var source = TestFiles.Golden("llama4-guard-tiny", "bf16-sharded");
        var config = AdapterSample.Config with { Targets = ["layers.1.feed_forward.up_proj"] };
        Assert.Equal(1, Merge(source, AdapterSample.Write(_folder["adapter"], source, config)));
        Assert.Empty(ModelSummary.Read(_folder["merged"]).Problems);
        using var before = Checkpoint.Open(source);
        using var after = Checkpoint.Open(_folder["merged"]);
        using var adapter = Adapter.Open(_folder["adapter"]);
        const string Changed = "language_model.model.layers.1.feed_forward.up_proj.weight";
        foreach (var tensor in before.Tensors.Where(tensor => tensor.Name != Changed))
        {
            Assert.Equal((tensor.Type, true), (after.Get(tensor.Name).Type, tensor.ToSingles().SequenceEqual(after.Get(tensor.Name).ToSingles())));
        }

        var (was, became) = (before.Get(Changed), after.Get(Changed).ToSingles());
        var (w, a, b) = (was.ToSingles(), adapter.Modules.Values.Single().A.ToSingles(), adapter.Modules.Values.Single().B.ToSingles());
        var columns = (int)was.Shape[1];
        for (var i = 0; i < w.Length; i++)
        {
            var exact = w[i] + (2.0 / 3 * Enumerable.Range(0, 3).Sum(r => (double)b[(i / columns * 3) + r] * a[(r * columns) + (i % columns)]));
            // Half a step of eight bits of mantissa, and a little for single precision.
            Assert.InRange(became[i], exact - (Math.Abs(exact) / 255), exact + (Math.Abs(exact) / 255));
        }
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    public void An_adapter_works_on_what_quantize_made_of_its_base(string scheme)
    {
        var source = TestFiles.Golden("llama-tiny", "untied");
        var golden = TestFiles.Golden("llama-tiny", "untied", "cases", "short.safetensors");
        var adapter = AdapterSample.Write(_folder["adapter"], source);
        new FolderQuantisation(source, QuantisationScheme.Find(scheme)).Run(_folder["quantised"], (_, _) => { }, Cancellation);
        var plain = AdapterSample.Run(_folder["quantised"], golden, () => new CpuOps(1), null);
        var adapted = AdapterSample.Run(_folder["quantised"], golden, () => new CpuOps(1), adapter);
        Assert.True(AdapterSample.Difference(plain, adapted) > 0.02);
        // What the first layers read of the adapter is what they read over full precision, but for the rounding of the base.
        var full = AdapterSample.Run(source, golden, () => new CpuOps(1), adapter);
        var rounding = AdapterSample.Difference(AdapterSample.Run(source, golden, () => new CpuOps(1), null)[..7], plain[..7]);
        Assert.InRange(AdapterSample.Difference(full[..7], adapted[..7]), 0, 2 * rounding);

        var error = Assert.Throws<CheckpointException>(() => Merge(_folder["quantised"], adapter));
        Assert.Contains("nothing is merged into quantised weights", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["merged"]));
    }

    [Fact]
    public void A_model_with_the_same_shapes_and_other_weights_is_refused()
    {
        var source = TestFiles.Golden("llama-tiny", "untied");
        var adapter = AdapterSample.Write(_folder["adapter"], source);
        using var other = new TemporaryFolder();
        other.CopyFrom(source);
        var bytes = File.ReadAllBytes(other["model.safetensors"]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(other["model.safetensors"], bytes);
        var error = Assert.Throws<CheckpointException>(() => Merge(other.Path, adapter));
        Assert.Contains("was trained on untied with the weights", error.Message, StringComparison.Ordinal);
        Assert.Contains("remove guardsharp-base.json", error.Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(adapter, AdapterOrigin.FileName));
        Merge(other.Path, adapter);
    }

    [Fact]
    public void A_stop_leaves_nothing_behind()
    {
        var source = TestFiles.Golden("llama-tiny", "tied");
        using var adapter = Adapter.Open(AdapterSample.Write(_folder["adapter"], source));
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => new AdapterMerge(source, adapter).Run(_folder["merged"], (_, _) => stop.Cancel(), stop.Token));
        Assert.Equal([_folder["adapter"]], Directory.GetFileSystemEntries(_folder.Path));
    }

    private int Merge(string source, string adapterFolder)
    {
        using var adapter = Adapter.Open(adapterFolder);
        return new AdapterMerge(source, adapter).Run(_folder["merged"], (_, _) => { }, Cancellation);
    }
}
