using GuardSharp.Lab.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>AdamW over float32 parameters. Its moments and its step are its whole state.</summary>
internal sealed class AdamW : IDisposable
{
    private readonly List<Slot> _slots;
    private readonly SftOptimiser _config;

    /// <summary>Starts with moments of zero.</summary>
    public AdamW(IEnumerable<(string Name, Parameter Parameter)> parameters, SftOptimiser config)
    {
        _config = config;
        _slots = [.. parameters.Select(entry => new Slot(entry.Name, entry.Parameter, new AdamMoments(entry.Parameter)))];
    }

    /// <summary>Steps done; set when a run goes on.</summary>
    public long Steps { get; set; }

    /// <summary>The moments, by name.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> State => [.. _slots.SelectMany(slot => slot.Moments.State(slot.Name))];

    /// <summary>Clips all gradients together, moves the parameters and clears the gradients.</summary>
    /// <param name="rate">The learning rate.</param>
    /// <returns>The norm of the gradients before clipping. Where it is not finite nothing moves.</returns>
    public double Step(double rate)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var active = _slots.Where(slot => slot.Parameter.grad is not null).ToList();
        var norm = Norm(active);
        if (double.IsFinite(norm))
        {
            var clip = _config.GradientNorm > 0 ? Math.Min(1, _config.GradientNorm / (norm + 1e-6)) : 1;
            Steps++;
            foreach (var slot in active)
            {
                using var one = NewDisposeScope();
                slot.Moments.Move(slot.Parameter, clip == 1 ? slot.Parameter.grad! : slot.Parameter.grad! * clip, Way(slot, rate));
            }
        }

        foreach (var slot in active)
        {
            slot.Parameter.grad!.zero_();
        }

        return norm;
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.ForEach(slot => slot.Moments.Dispose());

    private static double Norm(List<Slot> active)
    {
        if (active.Count == 0)
        {
            return 0;
        }

        // One number leaves the device, not one a parameter.
        var sum = zeros(1, ScalarType.Float64, active[0].Parameter.device);
        foreach (var slot in active)
        {
            using var one = NewDisposeScope();
            sum.add_(slot.Parameter.grad!.square().sum().to(ScalarType.Float64));
        }

        return Math.Sqrt(sum.item<double>());
    }

    // Vectors (norms, biases, gates) do not decay.
    private AdamStep Way(Slot slot, double rate) =>
        new(rate, _config.Beta1, _config.Beta2, _config.Epsilon, slot.Parameter.dim() >= 2 ? _config.WeightDecay : 0, Steps);

    private sealed record Slot(string Name, Parameter Parameter, AdamMoments Moments);
}
