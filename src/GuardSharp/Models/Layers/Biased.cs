using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>A weight with its bias.</summary>
internal readonly record struct Biased(Weight Weight, Weight Bias)
{
    /// <summary>A linear layer's matrix and bias.</summary>
    public static Biased Read(IWeightSource weights, string name, int outputs, int inputs) =>
        new(weights.Matrix($"{name}.weight", outputs, inputs), weights.Vector($"{name}.bias", outputs));

    /// <summary>A norm's factors and offsets.</summary>
    public static Biased ReadNorm(IWeightSource weights, string name, int length) =>
        new(weights.Vector($"{name}.weight", length), weights.Vector($"{name}.bias", length));
}
