using System.Text.Json;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Pruning;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Checkpoints.Pruning;

/// <summary>Layers, neurons and answers: what is measured, what goes, and that the rest computes as before.</summary>
public sealed class DensePruningTests : IDisposable
{
    private static readonly int[][] _rows = [[1, 7, 300, 45, 9, 9, 82], [3, 3, 201, 77]];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama-tiny/tied")]
    [InlineData("llama4-tiny")]
    public void Importance_is_what_its_definition_says(string model)
    {
        var folder = TestFiles.Golden(model.Split('/'));
        var config = ModelConfig.Read(folder);
        var (layers, neurons) = (config.Dimensions.Layers, new DensePruning(folder).Neurons);
        using var importance = new PruningImportance(folder, 1);
        var (plan, scores) = importance.Run(_rows, layers - 1, neurons - 5, (_, _) => { }, Cancellation);

        using var checkpoint = Checkpoint.Open(folder);
        var expected = new BruteForce(checkpoint, config);
        double[] blocks = expected.BlockImportance(_rows);
        Assert.Equal((2, 11L), (scores.Conversations, scores.Tokens));
        // float32 sums in another order.
        Assert.All(blocks.Zip(scores.Layers!), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        var worst = Array.IndexOf(blocks, blocks.Min());
        Assert.Equal(Enumerable.Range(0, layers).Where(layer => layer != worst), plan.Layers);

        for (var i = 0; i < plan.Layers.Length; i++)
        {
            var norms = expected.NeuronNorms(_rows, plan.Layers, i);
            Assert.All(norms.Zip(scores.Neurons![i]), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * norms.Max()));
            var kept = plan.Neurons![i];
            Assert.Equal(neurons - 5, kept.Length);
            Assert.True(kept.Min(place => scores.Neurons[i][place]) >= Enumerable.Range(0, neurons).Except(kept).Max(place => scores.Neurons[i][place]));
        }
    }

    [Theory]
    [InlineData("llama-tiny/tied", 1, "mlp")]
    [InlineData("llama4-tiny", 0, "feed_forward")]
    [InlineData("llama4-tiny", 3, "feed_forward")]
    public void A_layer_that_does_nothing_is_the_first_to_go_and_nothing_changes(string model, int layer, string part)
    {
        var source = Changed(model, (name, values) =>
        {
            if (name.Contains($"model.layers.{layer}.self_attn.o_proj", StringComparison.Ordinal) || name.Contains($"model.layers.{layer}.{part}.down_proj", StringComparison.Ordinal))
            {
                Array.Clear(values);
            }
        });
        var count = ModelConfig.Read(source).Dimensions.Layers;
        var plan = Prune(source, layers: count - 1);
        Assert.Equal(Enumerable.Range(0, count).Where(one => one != layer), plan.Layers);
        Assert.Equal(Logits(source), Logits(_folder["pruned"]));
    }

    [Theory]
    [InlineData("llama-tiny/untied", "mlp")]
    [InlineData("llama4-guard-tiny", "feed_forward")]
    public void Neurons_that_never_fire_are_the_first_to_go_and_nothing_changes(string model, string part)
    {
        int[] silent = [0, 17, 18, 63, 71];
        var source = Changed(model, (name, values) =>
        {
            if (name.Contains($".{part}.gate_proj", StringComparison.Ordinal) && !name.Contains("vision", StringComparison.Ordinal))
            {
                var columns = ModelConfig.Read(TestFiles.Golden(model.Split('/'))).Dimensions.HiddenSize;
                Array.ForEach(silent, neuron => values.AsSpan(neuron * columns, columns).Clear());
            }
        });
        var neurons = new DensePruning(source).Neurons;
        var plan = Prune(source, neurons: neurons - silent.Length);
        Assert.All(plan.Neurons!, kept => Assert.Equal(Enumerable.Range(0, neurons).Except(silent), kept));
        // The sums have fewer terms, all of them zeros, and so another order.
        Assert.All(Logits(source).Zip(Logits(_folder["pruned"])), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Theory]
    [InlineData("llama-tiny/tied")]
    [InlineData("llama4-guard-tiny/bf16-sharded")]
    public void Keeping_everything_changes_no_number(string model)
    {
        var source = TestFiles.Golden(model.Split('/'));
        var pruning = new DensePruning(source) { ShardBytes = 100_000 };
        var all = Enumerable.Range(0, pruning.Neurons).ToArray();
        pruning.Run(new PruningPlan([.. Enumerable.Range(0, pruning.Layers)]) { Neurons = [.. Enumerable.Repeat(all, pruning.Layers)] }, null, null, _folder["pruned"], (_, _) => { }, Cancellation);
        using var before = Checkpoint.Open(source);
        using var after = Checkpoint.Open(_folder["pruned"]);
        Assert.Equal(before.Names.Order(), after.Names.Order());
        Assert.All(before.Tensors, tensor => Assert.Equal((tensor.Type, true), (after.Get(tensor.Name).Type, tensor.ToSingles().SequenceEqual(after.Get(tensor.Name).ToSingles()))));
        Assert.Empty(ModelSummary.Read(_folder["pruned"]).Problems);
    }

    [Fact]
    public void The_record_says_what_it_was_made_from_what_stayed_and_why()
    {
        var source = TestFiles.Golden("llama-tiny", "tied");
        var plan = Prune(source, layers: 2, neurons: 50);
        using var record = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder["pruned"], PruningRecord.FileName)));
        var root = record.RootElement;
        using var checkpoint = Checkpoint.Open(source);
        Assert.Equal(("tied", checkpoint.Sha256, 2), (root.GetProperty("source").GetProperty("name").GetString(), root.GetProperty("source").GetProperty("weightsSha256").GetString(), root.GetProperty("conversations").GetInt32()));
        Assert.Equal(plan.Layers, root.GetProperty("layers").EnumerateArray().Select(number => number.GetInt32()));
        Assert.Equal(new DensePruning(source).Layers, root.GetProperty("blockImportance").GetArrayLength());
        var first = root.GetProperty("feedForwards")[0];
        Assert.Equal((plan.Layers[0], 50, new DensePruning(source).Neurons), (first.GetProperty("layer").GetInt32(), first.GetProperty("neurons").GetArrayLength(), first.GetProperty("norms").GetArrayLength()));
    }

    [Fact]
    public void Models_of_other_kinds_are_refused()
    {
        Assert.Contains("Make it dense first", Assert.Throws<CheckpointException>(() => new DensePruning(TestFiles.Golden("llama4-moe-tiny", "moe"))).Message, StringComparison.Ordinal);
        Assert.Contains("config.json says mllama", Assert.Throws<CheckpointException>(() => new DensePruning(TestFiles.Golden("mllama-tiny"))).Message, StringComparison.Ordinal);
    }

    private PruningPlan Prune(string source, int? layers = null, int? neurons = null)
    {
        using var importance = new PruningImportance(source, 1);
        var (plan, scores) = importance.Run(_rows, layers, neurons, (_, _) => { }, Cancellation);
        new DensePruning(source).Run(plan, scores, null, _folder["pruned"], (_, _) => { }, Cancellation);
        Assert.Empty(ModelSummary.Read(_folder["pruned"]).Problems);
        return plan;
    }

    /// <summary>A golden folder with some of its numbers changed.</summary>
    private string Changed(string model, Action<string, float[]> change)
    {
        var golden = TestFiles.Golden(model.Split('/'));
        Directory.CreateDirectory(_folder["source"]);
        File.Copy(Path.Combine(golden, "config.json"), Path.Combine(_folder["source"], "config.json"));
        using var checkpoint = Checkpoint.Open(golden);
        using var writer = SafetensorsWriter.Create(Path.Combine(_folder["source"], "model.safetensors"), checkpoint.Tensors.Select(tensor => new TensorPlan(tensor.Name, TensorType.F32, tensor.Shape)));
        foreach (var tensor in checkpoint.Tensors)
        {
            var values = tensor.ToSingles();
            change(tensor.Name, values);
            writer.Append(tensor.Name, values);
        }

        writer.Commit();
        return _folder["source"];
    }

    private static float[] Logits(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        using var ops = new CpuOps(1);
        var source = new CheckpointWeights(checkpoint);
        var network = GuardNetworks.Create(ops, source, ModelConfig.Read(folder));
        source.RequireAllUsed();
        using var scope = ops.Scope();
        int[] ids = [.. Enumerable.Range(0, 30).Select(i => i * 37 % 500)];
        var logits = network.Logits(network.Final(ForwardPass.Run(ops, network, network.Embed(ids), [SequenceSpan.Self(0, ids.Length)]), [.. Enumerable.Range(0, ids.Length)]), []);
        var values = new float[logits.Length];
        ops.Read(logits, values);
        return values;
    }

    /// <summary>The definitions, in plain loops over what layers and products are seen to read and write.</summary>
    private sealed class BruteForce(Checkpoint checkpoint, IModelConfig config)
    {
        private readonly string _prefix = config is LlamaConfig ? "model.layers." : "language_model.model.layers.";
        private readonly string _part = config is LlamaConfig ? "mlp" : "feed_forward";

        public double[] BlockImportance(int[][] rows)
        {
            var all = Enumerable.Range(0, config.Dimensions.Layers).ToArray();
            var cosines = rows.SelectMany(ids =>
            {
                var states = Run(ids, all).States;
                return Enumerable.Range(0, ids.Length).Select(row => all.Select(layer => Cosine(Row(states[layer], row), Row(states[layer + 1], row))).ToArray());
            }).ToList();
            return [.. all.Select(layer => 1 - cosines.Average(row => row[layer]))];
        }

        public double[] NeuronNorms(int[][] rows, int[] layers, int place)
        {
            var (gate, up) = (Matrix(layers[place], "gate_proj"), Matrix(layers[place], "up_proj"));
            return
            [
                .. Enumerable.Range(0, gate.Length / config.Dimensions.HiddenSize).Select(neuron => rows.Average(ids =>
                {
                    var inputs = Run(ids, layers).Inputs[place];
                    return Math.Sqrt(Enumerable.Range(0, ids.Length).Sum(row =>
                    {
                        var (g, u) = (Dot(Row(gate, neuron), Row(inputs, row)), Dot(Row(up, neuron), Row(inputs, row)));
                        return Math.Pow(g / (1 + Math.Exp(-g)) * u, 2);
                    }));
                })),
            ];
        }

        private readonly Dictionary<string, (List<float[]> States, List<float[]> Inputs)> _runs = [];

        private (List<float[]> States, List<float[]> Inputs) Run(int[] ids, int[] layers)
        {
            var key = $"{string.Join(',', ids)}|{string.Join(',', layers)}";
            if (_runs.TryGetValue(key, out var seen))
            {
                return seen;
            }

            using var ops = new CpuOps(1);
            var (states, inputs) = (new List<float[]>(), new List<float[]>());
            var network = GuardNetworks.Create(
                new WatchedOps(ops, (weight, x) =>
                {
                    if (weight.Name.EndsWith($"{_part}.gate_proj.weight", StringComparison.Ordinal))
                    {
                        inputs.Add(Read(ops, x));
                    }
                }),
                new CheckpointWeights(checkpoint),
                config);
            using var scope = ops.Scope();
            var hidden = network.Embed(ids);
            states.Add(Read(ops, hidden));
            foreach (var layer in layers)
            {
                hidden = network.Layer(layer, hidden, network.Begin([SequenceSpan.Self(0, ids.Length)]));
                states.Add(Read(ops, hidden));
            }

            return _runs[key] = (states, inputs);
        }

        private float[] Matrix(int layer, string name) => checkpoint.Get($"{_prefix}{layer}.{_part}.{name}.weight").ToSingles();

        private float[] Row(float[] matrix, int row) => matrix.AsSpan(row * config.Dimensions.HiddenSize, config.Dimensions.HiddenSize).ToArray();

        private static double Dot(float[] a, float[] b) => a.Zip(b).Sum(pair => (double)pair.First * pair.Second);

        private static double Cosine(float[] a, float[] b) => Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));

        private static float[] Read(CpuOps ops, Tensor tensor)
        {
            var values = new float[tensor.Length];
            ops.Read(tensor, values);
            return values;
        }
    }
}
