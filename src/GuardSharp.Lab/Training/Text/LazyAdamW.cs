using static TorchSharp.torch;

namespace GuardSharp.Lab.Training.Text;

/// <summary>AdamW (arXiv:1711.05101). Of a table only the rows that the batch touched are moved: tokens that did not appear keep their place.</summary>
internal sealed class LazyAdamW : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.98;
    private const double Epsilon = 1e-8;
    private readonly List<Slot> _slots;
    private long _step;

    /// <summary>Takes the parameters with their highest learning rates.</summary>
    public LazyAdamW(IEnumerable<(string Name, Tensor Parameter, double LearningRate, double Decay, bool Table)> parameters)
    {
        _slots = [.. parameters.Select(entry => new Slot(
            entry.Name, entry.Parameter, entry.LearningRate, entry.Decay, entry.Table,
            zeros_like(entry.Parameter).DetachFromDisposeScope(), zeros_like(entry.Parameter).DetachFromDisposeScope()))];
    }

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
        _step++;
        foreach (var slot in active)
        {
            if (slot.Table)
                MoveRows(slot, factor, clip, touched);
            else
                Move(slot, slot.Parameter, slot.Parameter.grad!.mul_(clip), slot.Mean, slot.Square, factor);
            slot.Parameter.grad!.zero_();
        }

        return norm;
    }

    /// <summary>Everything needed to go on, by name.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() =>
        _slots.SelectMany(slot => new[] { ($"{slot.Name}.mean", slot.Mean), ($"{slot.Name}.square", slot.Square) });

    /// <summary>Steps done so far; set when a run goes on.</summary>
    public long StepsDone { get => _step; set => _step = value; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slot in _slots)
        {
            slot.Mean.Dispose();
            slot.Square.Dispose();
        }
    }

    private void MoveRows(Slot slot, double factor, double clip, Tensor touched)
    {
        var rows = slot.Parameter.index_select(0, touched);
        var mean = slot.Mean.index_select(0, touched);
        var square = slot.Square.index_select(0, touched);
        Move(slot, rows, slot.Parameter.grad!.index_select(0, touched).mul_(clip), mean, square, factor);
        slot.Parameter.index_copy_(0, touched, rows);
        slot.Mean.index_copy_(0, touched, mean);
        slot.Square.index_copy_(0, touched, square);
    }

    private void Move(Slot slot, Tensor parameter, Tensor gradient, Tensor mean, Tensor square, double factor)
    {
        var rate = slot.LearningRate * factor;
        mean.mul_(Beta1).add_(gradient, alpha: 1 - Beta1);
        square.mul_(Beta2).addcmul_(gradient, gradient, 1 - Beta2);
        var root = (square / (1 - Math.Pow(Beta2, _step))).sqrt_().add_(Epsilon);
        parameter.mul_(1 - (rate * slot.Decay)).addcdiv_(mean, root, -rate / (1 - Math.Pow(Beta1, _step)));
    }

    private sealed record Slot(string Name, Tensor Parameter, double LearningRate, double Decay, bool Table, Tensor Mean, Tensor Square);
}
