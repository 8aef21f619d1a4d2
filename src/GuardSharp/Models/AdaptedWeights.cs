using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>Where the matrices of a LoRA adapter come from.</summary>
internal interface IAdapterSource
{
    /// <summary>What B A is multiplied by.</summary>
    float Scale { get; }

    /// <summary>Share of the inputs that training leaves out of the adapter's path.</summary>
    double Dropout { get; }

    /// <summary>A [rank, inputs] and B [outputs, rank] of a module; null: it is not adapted.</summary>
    /// <param name="module">Its published name, without <c>.weight</c>.</param>
    /// <param name="outputs">Its outputs.</param>
    /// <param name="inputs">Its inputs.</param>
    (Weight A, Weight B)? Find(string module, int outputs, int inputs);
}

/// <summary>Weights of another source, with an adapter added to those it is for.</summary>
/// <param name="source">The base.</param>
/// <param name="adapter">What is added.</param>
internal sealed class AdaptedWeights(IWeightSource source, IAdapterSource adapter) : IWeightSource
{
    /// <summary>What the name of a module's matrix ends with.</summary>
    public const string Suffix = ".weight";

    public Weight Matrix(string name, int outputs, int inputs)
    {
        var weight = source.Matrix(name, outputs, inputs);
        return name.EndsWith(Suffix, StringComparison.Ordinal) && adapter.Find(name[..^Suffix.Length], outputs, inputs) is var (a, b)
            ? new LowRankWeight(weight, a, b, adapter.Scale, adapter.Dropout)
            : weight;
    }

    public Weight Vector(string name, int length) => source.Vector(name, length);

    public Weight[] Experts(string name, int experts, int inputs, int outputs) => source.Experts(name, experts, inputs, outputs);
}
