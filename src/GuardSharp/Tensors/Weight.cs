namespace GuardSharp.Tensors;

/// <summary>How the numbers of a weight are stored.</summary>
internal enum WeightType
{
    /// <summary>IEEE 754 single.</summary>
    F32,

    /// <summary>IEEE 754 half.</summary>
    F16,

    /// <summary>The upper 16 bits of a single.</summary>
    BF16,
}

/// <summary>A trained matrix [Rows, Columns] = [outputs, inputs]; a vector (bias, norm) is one row.</summary>
internal abstract class Weight(string name, int rows, int columns)
{
    /// <summary>The name in the checkpoint, for messages.</summary>
    public string Name { get; } = name;

    /// <summary>Outputs.</summary>
    public int Rows { get; } = rows;

    /// <summary>Inputs.</summary>
    public int Columns { get; } = columns;
}

/// <summary>A weight where the checkpoint put it, usually a mapped file. It owns no memory: its checkpoint must outlive it.</summary>
/// <param name="name">The name in the checkpoint.</param>
/// <param name="rows">Outputs.</param>
/// <param name="columns">Inputs.</param>
/// <param name="type">How the numbers are stored.</param>
/// <param name="data">Address of the first number (aligned to the size of a number only).</param>
/// <param name="transposed">False: stored row-major as [rows, columns]. True: stored as [columns, rows] (Llama 4 experts, model note L6).</param>
internal sealed class StoredWeight(string name, int rows, int columns, WeightType type, nint data, bool transposed = false)
    : Weight(name, rows, columns)
{
    public WeightType Type { get; } = type;

    /// <summary>Bytes of one number.</summary>
    public int NumberSize => Type == WeightType.F32 ? sizeof(float) : sizeof(ushort);

    public nint Data { get; } = data;

    public bool Transposed { get; } = transposed;
}

/// <summary>W = Base + Scale * B * A (LoRA, arXiv:2106.09685): A is [rank, inputs], B is [outputs, rank].</summary>
internal sealed class LowRankWeight(Weight @base, Weight a, Weight b, float scale) : Weight(@base.Name, @base.Rows, @base.Columns)
{
    public Weight Base { get; } = @base;

    public Weight A { get; } = a;

    public Weight B { get; } = b;

    public float Scale { get; } = scale;
}

/// <summary>Where a network gets its weights: names are those of the published checkpoints, shapes are checked by the source.</summary>
internal interface IWeightSource
{
    /// <summary>A matrix stored as [outputs, inputs].</summary>
    Weight Matrix(string name, int outputs, int inputs);

    /// <summary>A vector, as a weight of one row.</summary>
    Weight Vector(string name, int length);

    /// <summary>The matrices of a tensor stored as [experts, inputs, outputs], one weight [outputs, inputs] per expert.</summary>
    Weight[] Experts(string name, int experts, int inputs, int outputs);
}
