using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Models;
using GuardSharp.Tests.Cli;

namespace GuardSharp.Tests.Checkpoints.Quantization;

/// <summary>Folders that cannot be quantised, and quantised folders that are damaged.</summary>
public sealed class QuantisationErrorTests : IDisposable
{
    private const string Query = "model.layers.1.self_attn.q_proj.weight";

    private readonly TemporaryFolder _folder = new();

    private string Output => _folder["quantised"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_quantised_model_is_not_quantised_again()
    {
        new FolderQuantisation(TestFiles.Golden("llama-tiny", "tied"), QuantisationScheme.Int8).Run(Output, (_, _) => { }, TestContext.Current.CancellationToken);
        Refuses("quantised already", Output);
    }

    [Fact]
    public void A_quantised_model_is_not_exported_to_another_quantised_form()
    {
        new FolderQuantisation(TestFiles.Golden("llama-tiny", "tied"), QuantisationScheme.Int8).Run(Output, (_, _) => { }, TestContext.Current.CancellationToken);
        using var checkpoint = Checkpoint.Open(Output);
        var export = new GgufExport(checkpoint, LlamaConfig.Read(Output), new GgufForm(TensorType.Q80), null);
        Assert.Contains("is quantised already", Assert.Throws<CheckpointException>(() => export.Write(_folder["x.gguf"], _ => { }, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mixture_of_experts_is_refused() => Refuses("experts", TestFiles.Golden("llama4-moe-tiny", "moe"));

    [Fact]
    public void A_gguf_file_is_refused() => Refuses("is not quantised again", TestFiles.Golden("gguf", "q8_0.gguf"));

    [Fact]
    public void A_folder_that_lacks_a_tensor_is_refused()
    {
        Copy(TestFiles.Golden("llama-tiny", "tied"), _folder["source"], plan => plan.Name != Query);
        Refuses($"\"{Query}\" [96, 64] is missing", _folder["source"]);
    }

    [Fact]
    public void A_number_that_is_not_finite_is_refused_with_its_row()
    {
        Copy(TestFiles.Golden("llama-tiny", "tied"), _folder["source"], _ => true, (name, bytes) =>
        {
            if (name == Query)
            {
                BitConverter.GetBytes(float.NaN).CopyTo(bytes, ((4 * 64) + 9) * sizeof(float));
            }
        });
        Refuses("row 4 holds a number that is not finite", _folder["source"]);
    }

    [Fact]
    public void Tables_of_angles_that_some_exporters_save_are_left_out()
    {
        Copy(TestFiles.Golden("llama-tiny", "tied"), _folder["source"], _ => true, null, new TensorPlan("model.layers.0.self_attn.rotary_emb.inv_freq", TensorType.F32, [4]));
        new FolderQuantisation(_folder["source"], QuantisationScheme.Int8).Run(Output, (_, _) => { }, TestContext.Current.CancellationToken);
        Assert.Empty(ModelSummary.Read(Output).Problems);
    }

    [Theory]
    [InlineData("--scheme", "int3", "is no quantisation scheme; there are int8, int4, mixed, published")]
    [InlineData("--group", "64", "--group is 64")]
    [InlineData("--activations", "row", "--activations is \"row\"")]
    [InlineData("--threads", "-1", "--threads is -1")]
    [InlineData("--output", "", "--output is empty")]
    public async Task What_cannot_be_asked_for_is_told_and_leaves_nothing(string option, string value, string saying)
    {
        string[] output = option == "--output" ? [] : ["--output", Output];
        (await CommandLineRun.OfAsync(["quantize", "--model", TestFiles.Golden("llama-tiny", "tied"), .. output, option, value])).IsRefused(saying);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task A_folder_that_is_there_is_kept()
    {
        Directory.CreateDirectory(Output);
        File.WriteAllText(Path.Combine(Output, "mine"), "");
        (await CommandLineRun.OfAsync("quantize", "--output", Output)).IsRefused("is there already");
        Assert.Equal("mine", Path.GetFileName(Assert.Single(Directory.GetFileSystemEntries(Output))));
    }

    [Fact]
    public void A_stopped_run_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        var run = new FolderQuantisation(TestFiles.Golden("llama4-guard-tiny"), QuantisationScheme.Int4);
        Assert.ThrowsAny<OperationCanceledException>(() => run.Run(Output, (_, _) => stop.Cancel(), stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("scales", "its scales \"model.layers.1.self_attn.q_proj.weight_scale\" F16")]
    [InlineData("shape", "which is [96, 64] in blocks of 32")]
    [InlineData("scaleShape", "need F16 [96, 2]")]
    [InlineData("scaleType", "need F16 [96, 2]")]
    public void A_damaged_folder_is_told_at_loading_and_by_model_info(string damage, string saying)
    {
        new FolderQuantisation(TestFiles.Golden("llama-tiny", "tied"), QuantisationScheme.Int8).Run(_folder["whole"], (_, _) => { }, TestContext.Current.CancellationToken);
        var scale = StoredBlocks.ScaleName(Query);
        Copy(_folder["whole"], Output, plan => damage != "scales" || plan.Name != scale, null, change: plan => (damage, plan.Name) switch
        {
            ("shape", Query) => plan with { Shape = [plan.Shape[0] / 2, plan.Shape[1] * 2] },
            ("scaleShape", _) when plan.Name == scale => plan with { Shape = [plan.Shape[1], plan.Shape[0]] },
            ("scaleType", _) when plan.Name == scale => plan with { Type = TensorType.BF16 },
            _ => plan,
        });
        Assert.Contains(ModelSummary.Read(Output).Problems, problem => problem.Contains(saying, StringComparison.Ordinal));
        using var checkpoint = Checkpoint.Open(Output);
        var error = Assert.Throws<CheckpointException>(() => new CheckpointWeights(checkpoint).Matrix(Query, 96, 64));
        Assert.Contains(saying, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vector_of_whole_numbers_is_refused()
    {
        Copy(TestFiles.Golden("llama-tiny", "tied"), _folder["source"], plan => plan.Name != "model.norm.weight", null, new TensorPlan("model.norm.weight", TensorType.I8, [64]));
        using var checkpoint = Checkpoint.Open(_folder["source"]);
        Assert.Contains("is I8", Assert.Throws<CheckpointException>(() => new CheckpointWeights(checkpoint).Vector("model.norm.weight", 64)).Message, StringComparison.Ordinal);
    }

    private void Refuses(string saying, string source)
    {
        var before = Directory.GetFileSystemEntries(_folder.Path);
        var error = Assert.Throws<CheckpointException>(() => new FolderQuantisation(source, QuantisationScheme.Int4).Run(_folder["refused"], (_, _) => { }, TestContext.Current.CancellationToken));
        Assert.Contains(saying, error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFileSystemEntries(_folder.Path));
    }

    private static unsafe void Copy(
        string source, string target, Func<TensorPlan, bool> kept, Action<string, byte[]>? edit = null, TensorPlan? added = null, Func<TensorPlan, TensorPlan>? change = null)
    {
        Directory.CreateDirectory(target);
        File.Copy(Path.Combine(source, "config.json"), Path.Combine(target, "config.json"));
        using var checkpoint = Checkpoint.Open(source);
        var plans = checkpoint.Tensors.Select(tensor => new TensorPlan(tensor.Name, tensor.Type, tensor.Shape)).Where(kept).Select(plan => change?.Invoke(plan) ?? plan).ToList();
        using var writer = SafetensorsWriter.Create(Path.Combine(target, Checkpoint.SingleFileName), added is null ? plans : [.. plans, added]);
        foreach (var plan in plans)
        {
            var tensor = checkpoint.Get(plan.Name);
            var bytes = new ReadOnlySpan<byte>((void*)tensor.Data, (int)tensor.Bytes).ToArray();
            edit?.Invoke(plan.Name, bytes);
            writer.Append(plan.Name, bytes);
        }

        if (added is not null)
        {
            writer.AppendZeros(added.Name, ShardPlan.BytesOf(added));
        }

        writer.Commit();
    }
}
