using static TorchSharp.torch;

namespace GuardSharp.Lab.Training.Text;

/// <summary>AdamW with a rate for each parameter. Of a table only the rows that the batch touched are moved: tokens that did not appear keep their place.</summary>
internal sealed class LazyAdamW : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.98;
    private const double Epsilon = 1e-8;
    private readonly List<Slot> _slots;

    /// <summary>Takes the parameters with their highest learning rates.</summary>
    public LazyAdamW(IEnumerable<(string Name, Tensor Parameter, double LearningRate, double Decay, bool Table)> parameters) =>
        _slots = [.. parameters.Select(entry => new Slot(entry.Name, entry.Parameter, entry.LearningRate, entry.Decay, entry.Table, new AdamMoments(entry.Parameter)))];

    /// <summary>Clips all gradients together, moves the parameters and clears the gradients.</summary>
    /// <param name="factor">The schedule's factor of the learning rates.</param>
    /// <param name="maxNorm">Largest norm of the gradients.</param>
    /// <param name="touched">Rows of tables that may move, each once.</param>
    /// <returns>The norm before clipping.</returns>
    public double Step(double factor, double maxNorm, Tensor touched)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var active = _slots.Where(slot => slot.Parameter.grad is not null).ToList();
        var norm = Math.Sqrt(active.Sum(slot => slot.Parameter.grad!.square().sum().item<float>()));
        var clip = Math.Min(1, maxNorm / (norm + 1e-6));
        StepsDone++;
        foreach (var slot in active)
        {
            var step = new AdamStep(slot.LearningRate * factor, Beta1, Beta2, Epsilon, slot.Decay, StepsDone);
            if (slot.Table)
                slot.Moments.MoveRows(slot.Parameter, slot.Parameter.grad!, touched, clip, step);
            else
                slot.Moments.Move(slot.Parameter, slot.Parameter.grad!.mul_(clip), step);
            slot.Parameter.grad!.zero_();
        }

        return norm;
    }

    /// <summary>Everything needed to go on, by name.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => _slots.SelectMany(slot => slot.Moments.State(slot.Name));

    /// <summary>Steps done so far; set when a run goes on.</summary>
    public long StepsDone { get; set; }

    /// <inheritdoc/>
    public void Dispose() => _slots.ForEach(slot => slot.Moments.Dispose());

    private sealed record Slot(string Name, Tensor Parameter, double LearningRate, double Decay, bool Table, AdamMoments Moments);
}
