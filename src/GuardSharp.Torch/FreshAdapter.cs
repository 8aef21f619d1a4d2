using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Models;
using GuardSharp.Tensors;
using TorchSharp;

namespace GuardSharp.Torch;

/// <summary>The matrices of an adapter that is to be trained: B is zero, so that it changes nothing yet. Wrap the network's weights in <see cref="AdaptedWeights"/> and those in <see cref="TorchWeights"/>, which owns the tensors this makes.</summary>
/// <remarks>A is uniform in +-1 / sqrt(inputs) as PEFT starts it (Kaiming with a = sqrt(5)). It depends on the seed and the module's name alone, not on the order of construction.</remarks>
/// <param name="config">Rank, scale, targets and dropout.</param>
/// <param name="seed">Another seed, another A.</param>
/// <param name="device">Where the tensors live; null: the CPU.</param>
internal sealed class FreshAdapter(AdapterConfig config, long seed, torch.Device? device = null) : IAdapterSource
{
    /// <inheritdoc/>
    public float Scale => config.Scale;

    /// <inheritdoc/>
    public double Dropout => config.Dropout;

    /// <summary>How many modules were asked for that <see cref="AdapterConfig.Covers"/>: none is a mistake in the configuration.</summary>
    public int Modules { get; private set; }

    /// <inheritdoc/>
    public (Weight A, Weight B)? Find(string module, int outputs, int inputs)
    {
        if (!config.Covers(module))
        {
            return null;
        }

        Modules++;
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator((ulong)(InitialisedWeights.Hash(module) + seed), torch.CPU);
        var bound = 1 / Math.Sqrt(inputs);
        var a = torch.rand([config.Rank, inputs], torch.ScalarType.Float32, generator: generator).mul_(2 * bound).sub_(bound).to(device ?? torch.CPU);
        var b = torch.zeros(outputs, config.Rank, torch.ScalarType.Float32, device ?? torch.CPU);
        return (new TorchWeight(module + Adapter.DownSuffix, config.Rank, inputs, scope.Detach(a)), new TorchWeight(module + Adapter.UpSuffix, outputs, config.Rank, scope.Detach(b)));
    }
}
