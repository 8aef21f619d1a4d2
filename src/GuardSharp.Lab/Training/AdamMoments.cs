using static TorchSharp.torch;

namespace GuardSharp.Lab.Training;

/// <summary>One parameter's moving means of the gradient and of its square, and AdamW's step with them (arXiv:1711.05101).</summary>
internal sealed class AdamMoments : IDisposable
{
    /// <summary>Starts at zero.</summary>
    /// <param name="parameter">Shape, type and device are its.</param>
    public AdamMoments(Tensor parameter)
    {
        using var frozen = no_grad();
        (Mean, Square) = (zeros_like(parameter).DetachFromDisposeScope(), zeros_like(parameter).DetachFromDisposeScope());
    }

    /// <summary>The mean of the gradients.</summary>
    public Tensor Mean { get; }

    /// <summary>The mean of their squares.</summary>
    public Tensor Square { get; }

    /// <summary>Both, by the parameter's name: what a run needs to go on.</summary>
    public IEnumerable<(string Name, Tensor Value)> State(string name) => [($"{name}.mean", Mean), ($"{name}.square", Square)];

    /// <summary>Moves a parameter by all of it.</summary>
    /// <param name="parameter">What moves.</param>
    /// <param name="gradient">Its gradient, clipped; it stays as it is.</param>
    /// <param name="step">How.</param>
    public void Move(Tensor parameter, Tensor gradient, AdamStep step) => Move(parameter, gradient, Mean, Square, step);

    /// <summary>Moves some rows of a table; the others, and their moments, keep their place.</summary>
    /// <param name="table">What moves.</param>
    /// <param name="gradient">Its gradient, whole.</param>
    /// <param name="rows">The rows, each once.</param>
    /// <param name="clip">Factor of the gradient.</param>
    /// <param name="step">How.</param>
    public void MoveRows(Tensor table, Tensor gradient, Tensor rows, double clip, AdamStep step)
    {
        var (moved, mean, square) = (table.index_select(0, rows), Mean.index_select(0, rows), Square.index_select(0, rows));
        Move(moved, gradient.index_select(0, rows).mul_(clip), mean, square, step);
        table.index_copy_(0, rows, moved);
        Mean.index_copy_(0, rows, mean);
        Square.index_copy_(0, rows, square);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mean.Dispose();
        Square.Dispose();
    }

    private static void Move(Tensor parameter, Tensor gradient, Tensor mean, Tensor square, AdamStep step)
    {
        mean.mul_(step.Beta1).add_(gradient, alpha: 1 - step.Beta1);
        square.mul_(step.Beta2).addcmul_(gradient, gradient, 1 - step.Beta2);
        var root = (square / (1 - Math.Pow(step.Beta2, step.Number))).sqrt_().add_(step.Epsilon);
        if (step.Decay > 0)
        {
            parameter.mul_(1 - (step.Rate * step.Decay));
        }

        parameter.addcdiv_(mean, root, -step.Rate / (1 - Math.Pow(step.Beta1, step.Number)));
    }
}

/// <summary>How one step of AdamW goes.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="Beta1">Decay of the mean gradient.</param>
/// <param name="Beta2">Decay of the mean squared gradient.</param>
/// <param name="Epsilon">Added to the root of the squares.</param>
/// <param name="Decay">Decoupled decay of the parameter.</param>
/// <param name="Number">Which step it is, from 1: young means are too small.</param>
internal readonly record struct AdamStep(double Rate, double Beta1, double Beta2, double Epsilon, double Decay, long Number);
