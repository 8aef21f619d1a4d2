using TorchSharp.Modules;
using static TorchSharp.torch;

namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>AdamW (arXiv:1711.05101) over float32 parameters. Its moments and its step are its whole state.</summary>
internal sealed class AdamW : IDisposable
{
    private readonly List<Slot> _slots;
    private readonly SftOptimiser _config;

    /// <summary>Starts with moments of zero.</summary>
    public AdamW(IEnumerable<(string Name, Parameter Parameter)> parameters, SftOptimiser config)
    {
        _config = config;
        using var frozen = no_grad();
        _slots = [.. parameters.Select(entry => new Slot(
            entry.Name, entry.Parameter, zeros_like(entry.Parameter).DetachFromDisposeScope(), zeros_like(entry.Parameter).DetachFromDisposeScope()))];
    }

    /// <summary>Steps done; set when a run goes on.</summary>
    public long Steps { get; set; }

    /// <summary>The moments, by name.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> State =>
        [.. _slots.SelectMany(slot => new[] { ($"{slot.Name}.mean", slot.Mean), ($"{slot.Name}.square", slot.Square) })];

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
                Move(slot, clip == 1 ? slot.Parameter.grad! : slot.Parameter.grad! * clip, rate);
            }
        }

        foreach (var slot in active)
        {
            slot.Parameter.grad!.zero_();
        }

        return norm;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slot in _slots)
        {
            slot.Mean.Dispose();
            slot.Square.Dispose();
        }
    }

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

    private void Move(Slot slot, Tensor gradient, double rate)
    {
        slot.Mean.mul_(_config.Beta1).add_(gradient, 1 - _config.Beta1);
        slot.Square.mul_(_config.Beta2).addcmul_(gradient, gradient, 1 - _config.Beta2);
        var root = (slot.Square / (1 - Math.Pow(_config.Beta2, Steps))).sqrt_().add_(_config.Epsilon);
        if (slot.Parameter.dim() >= 2 && _config.WeightDecay > 0)
        {
            slot.Parameter.mul_(1 - (rate * _config.WeightDecay));
        }

        slot.Parameter.addcdiv_(slot.Mean, root, -rate / (1 - Math.Pow(_config.Beta1, Steps)));
    }

    private sealed record Slot(string Name, Parameter Parameter, Tensor Mean, Tensor Square);
}
