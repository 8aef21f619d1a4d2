using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tests.Checkpoints.Adapters;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Tests.Torch;

/// <summary>Adapters that are trained: gradients, dropout, and what is written of them.</summary>
public sealed class TorchAdapterTests : IDisposable
{
    private static readonly string _base = TestFiles.Golden("llama-tiny", "untied");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Gradients_reach_A_and_B_alone_and_a_fresh_adapter_changes_nothing()
    {
        using var checkpoint = Checkpoint.Open(_base);
        var config = ModelConfig.Read(_base);
        using var ops = new TorchOps { Gradients = true };
        var fresh = new FreshAdapter(AdapterSample.Config, seed: 5);
        using var weights = new TorchWeights(new AdaptedWeights(new CheckpointWeights(checkpoint), fresh), trainable: TorchWeights.IsAdapter);
        using var plain = new TorchWeights(new CheckpointWeights(checkpoint));
        var network = GuardNetworks.Create(ops, weights, config);
        Assert.Equal(7 * config.Dimensions.Layers, fresh.Modules);
        Assert.Equal(2 * fresh.Modules, weights.Trainable.Count());
        using var scope = ops.Scope();
        var logits = Logits(ops, network);
        Assert.Equal(0, (logits - Logits(ops, GuardNetworks.Create(ops, plain, config))).abs().max().item<float>());

        using (torch.no_grad())
        {
            weights.Parameters["model.layers.0.mlp.up_proj.lora_B.weight"].fill_(0.1f);
        }

        (Logits(ops, network) * torch.arange(512)).sum().backward();
        // A zero B lets nothing through to its A; behind the B that is not zero gradients reach both.
        Assert.All(weights.Trainable, entry => Assert.True(
            entry.Name.EndsWith(Adapter.UpSuffix, StringComparison.Ordinal) || entry.Name.StartsWith("model.layers.0.mlp.up_proj", StringComparison.Ordinal)
                ? entry.Parameter.grad!.abs().max().item<float>() > 0
                : entry.Parameter.grad!.abs().max().item<float>() == 0,
            entry.Name));
        Assert.All(weights.Parameters.Where(entry => !TorchWeights.IsAdapter(entry.Key)), entry => Assert.Null(entry.Value.grad));
    }

    [Fact]
    public void What_was_trained_is_written_and_loads_into_both_backends()
    {
        using var checkpoint = Checkpoint.Open(_base);
        var settings = AdapterSample.Config with { Targets = ["v_proj", "down_proj"] };
        using var ops = new TorchOps();
        using var weights = new TorchWeights(new AdaptedWeights(new CheckpointWeights(checkpoint), new FreshAdapter(settings, seed: 5)), trainable: TorchWeights.IsAdapter);
        var network = GuardNetworks.Create(ops, weights, ModelConfig.Read(_base));
        using var scope = ops.Scope();
        using (torch.no_grad())
        {
            foreach (var (name, parameter) in weights.Trainable.Where(entry => entry.Name.EndsWith(Adapter.UpSuffix, StringComparison.Ordinal)))
            {
                parameter.fill_(0.05f);
            }
        }

        AdapterWriter.Write(_folder.Path, settings, AdapterOrigin.Of(checkpoint), weights.AdaptedModules());
        using var adapter = Adapter.Open(_folder.Path);
        var bound = new BoundWeights(checkpoint, adapter, ModelConfig.Read(_base));
        using var loaded = new TorchWeights(bound.Source);
        var again = GuardNetworks.Create(ops, loaded, ModelConfig.Read(_base));
        bound.RequireAllUsed();
        Assert.Equal(0, (Logits(ops, network) - Logits(ops, again)).abs().max().item<float>());
    }

    [Fact]
    public void Dropout_leaves_its_share_of_the_inputs_out_of_the_adapter_alone()
    {
        const int Columns = 4000;
        using var ops = new TorchOps { Gradients = true };
        using var scope = ops.Scope();
        var (ones, zeros) = (new TorchWeight("ones", 1, Columns, torch.ones(1, Columns)), new TorchWeight("zeros", 1, Columns, torch.zeros(1, Columns)));
        var x = ops.FromTorch(torch.ones(1, Columns));
        float Run(Weight full, Weight down) => TorchOps.AsTorch(ops.Linear(x, new LowRankWeight(full, down, new TorchWeight("up", 1, 1, torch.ones(1, 1)), 1, 0.25))).item<float>();

        Assert.Equal(Columns, Run(zeros, ones));
        using var generator = new torch.Generator(3, torch.CPU);
        ops.Dropout = generator;
        var (first, second) = (Run(zeros, ones), Run(zeros, ones));
        Assert.NotEqual(first, second);
        // The mean stays; its deviation is sqrt(4000 * 0.25 / 0.75) = 37.
        Assert.InRange(first, Columns - 200, Columns + 200);
        Assert.Equal(0, first * 0.75 % 1, 1e-2);
        Assert.Equal(Columns, Run(ones, zeros));
        ops.Dropout = new torch.Generator(3, torch.CPU);
        Assert.Equal(first, Run(zeros, ones));
        ops.Gradients = false;
        Assert.Equal(Columns, Run(zeros, ones));
    }

    private static torch.Tensor Logits(TorchOps ops, IGuardNetwork network)
    {
        int[] ids = [1, 7, 300, 45, 9];
        var hidden = ForwardPass.Run(ops, network, network.Embed(ids), [SequenceSpan.Self(0, ids.Length)]);
        return TorchOps.AsTorch(network.Logits(network.Final(hidden, [4]), []));
    }
}
