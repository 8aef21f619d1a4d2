using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Pruning;

namespace GuardSharp.Tests.Checkpoints.Pruning;

/// <summary>A mixture of experts to a dense model, against the reference's own pruning.</summary>
public sealed class ExpertPruningTests : IDisposable
{
    private static readonly string _mixture = TestFiles.Golden("llama4-moe-tiny", "moe");

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(5_000_000_000)]
    [InlineData(50_000)]
    public void Every_tensor_is_the_reference_s(long shardBytes)
    {
        new ExpertPruning(_mixture) { ShardBytes = shardBytes }.Run(_folder["dense"], (_, _) => { }, Cancellation);
        using var expected = Checkpoint.Open(TestFiles.Golden("llama4-moe-tiny", "dense"));
        using var actual = Checkpoint.Open(_folder["dense"]);
        Assert.Equal(expected.Names.Order(), actual.Names.Order());
        Assert.All(expected.Tensors, tensor =>
        {
            var other = actual.Get(tensor.Name);
            Assert.Equal(tensor.Type, other.Type);
            Assert.Equal(tensor.Shape, other.Shape);
            Assert.Equal(tensor.ToSingles(), other.ToSingles());
        });
        Assert.Empty(ModelSummary.Read(_folder["dense"]).Problems);
    }

    [Fact]
    public void The_record_is_the_reference_s_map()
    {
        var record = new ExpertPruning(_mixture).Run(_folder["dense"], (_, _) => { }, Cancellation);
        using var map = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("llama4-moe-tiny", "prune_map.json")));
        Assert.Equal(map.RootElement.GetProperty("renamed").EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetString()!), record.Renamed);
        Assert.Equal(map.RootElement.GetProperty("dropped").EnumerateArray().Select(name => name.GetString()!).Order(StringComparer.Ordinal), record.Dropped);
        Assert.Equal(map.RootElement.GetProperty("kept_unchanged").GetInt32(), record.Unchanged);
    }

    [Fact]
    public void The_configuration_is_the_reference_s()
    {
        new ExpertPruning(_mixture).Run(_folder["dense"], (_, _) => { }, Cancellation);
        Assert.True(JsonNode.DeepEquals(Json(TestFiles.Golden("llama4-moe-tiny", "dense", "config.json")), Json(Path.Combine(_folder["dense"], "config.json"))));
    }

    [Fact]
    public void A_dense_model_has_nothing_to_prune()
    {
        var error = Assert.Throws<CheckpointException>(() => new ExpertPruning(TestFiles.Golden("llama4-moe-tiny", "dense")).Run(_folder["again"], (_, _) => { }, Cancellation));
        Assert.Contains("dense already", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["again"]));
    }

    [Fact]
    public void Half_dense_models_of_two_widths_are_refused()
    {
        Directory.CreateDirectory(_folder["half"]);
        var config = Json(Path.Combine(_mixture, "config.json"));
        config["text_config"]!["moe_layers"] = new JsonArray(1, 3);
        File.WriteAllText(Path.Combine(_folder["half"], "config.json"), config.ToJsonString());
        File.Copy(Path.Combine(_mixture, "model.safetensors"), Path.Combine(_folder["half"], "model.safetensors"));
        var error = Assert.Throws<CheckpointException>(() => new ExpertPruning(_folder["half"]).Run(_folder["dense"], (_, _) => { }, Cancellation));
        Assert.Contains("3 layers are dense already, 160 wide, while shared experts are 96 wide", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stop_leaves_nothing_behind()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => new ExpertPruning(_mixture).Run(_folder["dense"], (_, _) => stop.Cancel(), stop.Token));
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(_folder["dense"])!));
    }

    /// <summary>Scout's experts are larger than 2^31 bytes; those of a sparse file take no room on the disk.</summary>
    [Fact]
    public void Experts_beyond_two_gigabytes_are_passed_over()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "sparse files: only on Linux without further ado");
        Directory.CreateDirectory(_folder["large"]);
        var config = Json(Path.Combine(_mixture, "config.json"));
        config["text_config"]!["num_local_experts"] = 520;
        config["text_config"]!["intermediate_size"] = 8192;
        File.WriteAllText(Path.Combine(_folder["large"], "config.json"), config.ToJsonString());
        WriteSparse();
        var written = 0L;
        new ExpertPruning(_folder["large"]).Run(_folder["dense"], (done, _) => written = done, Cancellation);
        using var source = Checkpoint.Open(_folder["large"]);
        using var dense = Checkpoint.Open(_folder["dense"]);
        Assert.Empty(ModelSummary.Read(_folder["dense"]).Problems);
        Assert.All(dense.Tensors, tensor => Assert.Equal(Numbers(tensor.Count), tensor.ToSingles()));
        Assert.Equal(dense.Tensors.Sum(tensor => tensor.Bytes), written);
        Assert.Contains(source.Tensors, tensor => tensor.Bytes > int.MaxValue);
        Assert.True(written < 100_000_000);
    }

    /// <summary>A mixture whose experts are holes in the file.</summary>
    private void WriteSparse()
    {
        var tensors = ModelConfig.Read(_folder["large"]).Tensors().ToArray();
        using var writer = SafetensorsWriter.Create(Path.Combine(_folder["large"], "model.safetensors"), tensors.Select(tensor => new TensorPlan(tensor.Name, TensorType.F32, tensor.Shape)));
        foreach (var (name, shape) in tensors)
        {
            var count = shape.Aggregate(1L, (product, size) => product * size);
            if (name.Contains(".experts.", StringComparison.Ordinal))
            {
                writer.AppendZeros(name, count * sizeof(float));
            }
            else
            {
                writer.Append(name, Numbers(count));
            }
        }

        writer.Commit();
    }

    private static float[] Numbers(long count) => [.. Enumerable.Range(0, (int)count).Select(i => (float)(i % 1009))];

    private static JsonNode Json(string path) => JsonNode.Parse(File.ReadAllBytes(path))!;
}
