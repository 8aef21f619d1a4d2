using GuardSharp.Tensors;
using TorchSharp;

namespace GuardSharp.Torch;

/// <summary>How a fresh weight starts: normally distributed numbers.</summary>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation; 0: all are the mean.</param>
internal readonly record struct StartingValues(double Mean, double Deviation);

/// <summary>Fresh weights for training from nothing: any name and shape a network asks for. Wrap it in <see cref="TorchWeights"/>, which owns the tensors it makes.</summary>
/// <remarks>
/// Norm weights start at 1, biases at 0, everything else at a normal distribution of deviation 0.02 (GPT-2 and the Llama family's configurations, "initializer_range").
/// A weight depends on the seed and its name alone, not on the order of construction.
/// </remarks>
/// <param name="seed">Another seed, other weights.</param>
/// <param name="device">Where the tensors live; null: the CPU.</param>
/// <param name="start">Overrides the rule for a name; null or a null result: the rule.</param>
internal sealed class InitialisedWeights(long seed, torch.Device? device = null, Func<string, StartingValues?>? start = null) : IWeightSource
{
    private const double InitializerRange = 0.02;

    /// <inheritdoc/>
    public Weight Matrix(string name, int outputs, int inputs) => new TorchWeight(name, outputs, inputs, Create(name, [outputs, inputs]));

    /// <inheritdoc/>
    public Weight Vector(string name, int length) => new TorchWeight(name, 1, length, Create(name, [length]));

    /// <inheritdoc/>
    public Weight[] Experts(string name, int experts, int inputs, int outputs)
    {
        var result = new Weight[experts];
        for (var i = 0; i < experts; i++)
        {
            result[i] = new TorchWeight(name, outputs, inputs, Create($"{name}[{i}]", [inputs, outputs], name), transposed: true);
        }

        return result;
    }

    private static StartingValues ByRule(string name)
    {
        return name.EndsWith("bias", StringComparison.Ordinal) ? new(0, 0)
            : name.Contains("norm", StringComparison.Ordinal) ? new(1, 0)
            : new(0, InitializerRange);
    }

    /// <summary>FNV-1a, 64 bits: string.GetHashCode differs from process to process.</summary>
    internal static long Hash(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var letter in text)
        {
            hash = (hash ^ letter) * 1099511628211UL;
        }

        return (long)hash;
    }

    private torch.Tensor Create(string name, long[] shape, string? rule = null)
    {
        var values = start?.Invoke(rule ?? name) ?? ByRule(rule ?? name);
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator((ulong)(Hash(name) + seed), torch.CPU);
        var host = torch.normal(values.Mean, values.Deviation, shape, torch.ScalarType.Float32, generator: generator);
        return scope.Detach(host.to(device ?? torch.CPU));
    }
}
