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

/// <summary>How the numbers of a <see cref="BlockWeight"/> are stored: whole numbers in blocks of 32 inputs, times a scale.</summary>
internal enum BlockType
{
    /// <summary>A signed byte each: 32 bytes a block.</summary>
    Int8,

    /// <summary>Four bits each, 0..15 for -8..7: 16 bytes a block, byte i holds number i in its low and number i + 16 in its high half (as GGML's Q4_0 does).</summary>
    Int4,
}

/// <summary>How a product rounds its activations to 8 bits.</summary>
internal enum ActivationRounding
{
    /// <summary>In blocks of 32, symmetric, with a scale in single precision.</summary>
    Block,

    /// <summary>The same with a scale in half precision, as GGML does for its Q8_0 and Q4_0: what a file's users know is what llama.cpp computes from it.</summary>
    HalfBlock,

    /// <summary>A whole row at a time, asymmetric, as the published int4 scheme of Llama Guard 3 1B does.</summary>
    Token,
}

/// <summary>Where the blocks of a <see cref="BlockWeight"/> lie. The number block b of row r begins at Numbers + r * RowPitch + b * BlockPitch.</summary>
/// <param name="Numbers">Address of the first block's numbers.</param>
/// <param name="BlockPitch">Bytes between the numbers of two blocks: 32 or 16, more where scales lie between them (GGUF: 34, 18).</param>
/// <param name="RowPitch">Bytes between two rows of numbers.</param>
/// <param name="Scales">Address of the first scale (IEEE 754 half).</param>
/// <param name="ScalePitch">Bytes between two scales of a row.</param>
/// <param name="ScaleRowPitch">Bytes between the scales of two rows.</param>
/// <param name="BlocksPerScale">Neighbouring blocks that share a scale: 1, or 8 for groups of 256.</param>
internal readonly record struct BlockLayout(
    nint Numbers, int BlockPitch, long RowPitch, nint Scales, int ScalePitch, long ScaleRowPitch, int BlocksPerScale);

/// <summary>A quantised weight where the checkpoint put it. Its last block is filled up with zeros where the inputs are no multiple of 32.</summary>
/// <param name="name">The name in the checkpoint.</param>
/// <param name="rows">Outputs.</param>
/// <param name="columns">Inputs.</param>
/// <param name="type">How the numbers are stored.</param>
/// <param name="layout">Where they lie. They must outlive the weight.</param>
/// <param name="activations">How a product rounds its activations to 8 bits.</param>
internal sealed class BlockWeight(string name, int rows, int columns, BlockType type, BlockLayout layout, ActivationRounding activations = ActivationRounding.Block)
    : Weight(name, rows, columns)
{
    /// <summary>Inputs that share the smallest unit of storage.</summary>
    public const int BlockSize = 32;

    public BlockType Type { get; } = type;

    public BlockLayout Layout { get; } = layout;

    public ActivationRounding Activations { get; } = activations;

    /// <summary>Blocks of a row.</summary>
    public int Blocks => (Columns + BlockSize - 1) / BlockSize;
}

/// <summary>Decodes neighbouring numbers of a row of an <see cref="EncodedWeight"/>. Safe from any thread.</summary>
/// <param name="row">The row.</param>
/// <param name="column">The first column, a multiple of <see cref="EncodedWeight.Piece"/>.</param>
/// <param name="count">How many, a multiple of it as well.</param>
/// <param name="target">Where to.</param>
internal unsafe delegate void RowDecoder(int row, int column, int count, float* target);

/// <summary>A weight in a form that only its maker can read: products decode it a piece at a time, so that it takes no memory beside its file.</summary>
/// <remarks>
/// Activations are rounded to 8 bits in blocks of 256 with a scale in single precision, as GGML does for such weights (its Q8_K): what a file's users know
/// is what llama.cpp computes from it.
/// </remarks>
/// <param name="name">The name in the checkpoint.</param>
/// <param name="rows">Outputs.</param>
/// <param name="columns">Inputs, a multiple of <see cref="Piece"/>.</param>
/// <param name="decode">Reads it.</param>
internal sealed class EncodedWeight(string name, int rows, int columns, RowDecoder decode) : Weight(name, rows, columns)
{
    /// <summary>Numbers that are decoded together, and activations that are rounded together.</summary>
    public const int Piece = 256;

    public RowDecoder Decode { get; } = decode;
}

/// <summary>W = Base + Scale * B * A (LoRA, arXiv:2106.09685): A is [rank, inputs], B is [outputs, rank].</summary>
/// <param name="base">Of any kind but this.</param>
/// <param name="a">Of any kind.</param>
/// <param name="b">Of any kind.</param>
/// <param name="scale">alpha / rank, or alpha / sqrt(rank).</param>
/// <param name="dropout">Share of the inputs that training leaves out of the path through A, in [0, 1). Where nothing is trained it changes nothing.</param>
internal sealed class LowRankWeight(Weight @base, Weight a, Weight b, float scale, double dropout = 0) : Weight(@base.Name, @base.Rows, @base.Columns)
{
    public Weight Base { get; } = @base;

    public Weight A { get; } = a;

    public Weight B { get; } = b;

    public float Scale { get; } = scale;

    public double Dropout { get; } = dropout;
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
