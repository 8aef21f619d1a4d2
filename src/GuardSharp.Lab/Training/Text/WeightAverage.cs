using static TorchSharp.torch;

namespace GuardSharp.Lab.Training.Text;

/// <summary>
/// An exponential moving average of parameters (Polyak averaging): the noise of single steps cancels out, so the average judges better than the
/// last weights. It is what is evaluated and written; training goes on with the parameters themselves.
/// </summary>
internal sealed class WeightAverage : IDisposable
{
    /// <summary>Steps between two updates: the embedding is large, and one update with the decay's power does the same.</summary>
    public const int Every = 8;

    private readonly List<(string Name, Tensor Parameter, Tensor Average)> _slots;
    private readonly double _decay;

    /// <summary>Starts with the parameters' values.</summary>
    /// <param name="parameters">What is averaged.</param>
    /// <param name="decay">Share of the average that one step keeps, in (0, 1).</param>
    public WeightAverage(IEnumerable<(string Name, Tensor Parameter)> parameters, double decay)
    {
        using var frozen = no_grad();
        _decay = decay;
        _slots = [.. parameters.Select(entry => (entry.Name, entry.Parameter, entry.Parameter.detach().clone().DetachFromDisposeScope()))];
    }

    /// <summary>Everything needed to go on, by name.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => _slots.Select(slot => ($"{slot.Name}.average", slot.Average));

    /// <summary>Takes a step's weights in; only every eighth step counts. Early on the average forgets faster, so that the start leaves no trace.</summary>
    /// <param name="step">Number of the step, from 1.</param>
    public void Update(long step)
    {
        if (step % Every != 0)
            return;
        using var frozen = no_grad();
        var updates = step / Every;
        var keep = Math.Min(Math.Pow(_decay, Every), updates / (updates + 9.0));
        foreach (var (_, parameter, average) in _slots)
            average.mul_(keep).add_(parameter, alpha: 1 - keep);
    }

    /// <summary>Puts the average in the parameters' place, or back: each call exchanges the two.</summary>
    public void Exchange()
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        foreach (var (_, parameter, average) in _slots)
        {
            var kept = parameter.detach().clone();
            parameter.copy_(average);
            average.copy_(kept);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, _, average) in _slots)
            average.Dispose();
    }
}
