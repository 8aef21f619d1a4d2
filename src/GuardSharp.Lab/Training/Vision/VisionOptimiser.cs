using GuardSharp.Lab.Training.Text;
using TorchSharp;
using TorchSharp.Modules;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Muon for the encoder's matrices, AdamW for everything else that learns.</summary>
internal sealed class VisionOptimiser : IDisposable
{
    private const double WeightDecay = 0.01;
    private const double GradientNorm = 1;

    private readonly Muon _muon;
    private readonly LazyAdamW _adam;
    private readonly double _learningRate;
    private readonly List<Parameter> _matrices;

    /// <param name="encoder">The encoder's parameters by name.</param>
    /// <param name="others">Other parameters, each with its highest learning rate.</param>
    /// <param name="learningRate">Highest learning rate of the encoder.</param>
    /// <param name="bFloat16">Whether Muon's products are made in bfloat16.</param>
    public VisionOptimiser(
        IReadOnlyList<(string Name, Parameter Parameter)> encoder, IEnumerable<(string Name, torch.Tensor Parameter, double LearningRate)> others, double learningRate, bool bFloat16)
    {
        _learningRate = learningRate;
        _matrices = [.. encoder.Where(IsHiddenMatrix).Select(entry => entry.Parameter)];
        _muon = new Muon(_matrices, bFloat16);
        var rest = encoder.Where(entry => !IsHiddenMatrix(entry)).Select(entry => (entry.Name, (torch.Tensor)entry.Parameter, learningRate));
        _adam = new LazyAdamW(rest.Concat(others).Select(entry =>
            (entry.Name, entry.Item2, entry.Item3, entry.Item2.dim() < 2 ? 0 : WeightDecay, false)));
    }

    /// <summary>One step; the gradients are cleared.</summary>
    /// <param name="factor">The schedule's factor of all learning rates.</param>
    public void Step(double factor)
    {
        _muon.Step(_learningRate * factor);
        foreach (var matrix in _matrices)
            matrix.grad?.zero_();
        using var nothing = torch.zeros(0, torch.ScalarType.Int64);
        _adam.Step(factor, GradientNorm, nothing);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _muon.Dispose();
        _adam.Dispose();
    }

    // Not the first layer nor the positions: their inputs are no hidden activations.
    private static bool IsHiddenMatrix((string Name, Parameter Parameter) entry) =>
        entry.Parameter.dim() == 2 && (entry.Name.Contains(".layers.", StringComparison.Ordinal)
            || entry.Name.Contains(".vision_adapter.", StringComparison.Ordinal)
            || entry.Name.StartsWith("multi_modal_projector.", StringComparison.Ordinal));
}
