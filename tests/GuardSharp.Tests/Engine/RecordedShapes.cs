using GuardSharp.Tensors;

namespace GuardSharp.Tests.Engine;

/// <summary>Notes what a network asks for, without any numbers: names and shapes as the checkpoint has to hold them.</summary>
internal sealed class RecordedShapes : IWeightSource
{
    /// <summary>Shapes by name, as stored.</summary>
    public SortedDictionary<string, long[]> Shapes { get; } = new(StringComparer.Ordinal);

    public Weight Matrix(string name, int outputs, int inputs)
    {
        Shapes[name] = [outputs, inputs];
        return new StoredWeight(name, outputs, inputs, WeightType.F32, 0);
    }

    public Weight Vector(string name, int length)
    {
        Shapes[name] = [length];
        return new StoredWeight(name, 1, length, WeightType.F32, 0);
    }

    public Weight[] Experts(string name, int experts, int inputs, int outputs)
    {
        Shapes[name] = [experts, inputs, outputs];
        return [.. Enumerable.Range(0, experts).Select(_ => new StoredWeight(name, outputs, inputs, WeightType.F32, 0, transposed: true))];
    }
}
