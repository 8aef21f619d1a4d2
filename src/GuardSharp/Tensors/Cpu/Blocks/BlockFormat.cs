namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>How a path takes the activations of a block: words of four bytes, each what one multiply instruction takes of a row.</summary>
/// <param name="WordInputs">Inputs in a word: 4 signed bytes, or 2 signed 16-bit numbers.</param>
/// <param name="Start">What the sums of a block begin with: a word before the others.</param>
/// <param name="Offset">What the path adds to the weights to make them unsigned; the start takes it off again: -Offset times the sum of the activations.</param>
internal readonly record struct ActivationFormat(int WordInputs, BlockStart Start, int Offset)
{
    /// <summary>Words of a block without its start.</summary>
    public int Steps => BlockWeight.BlockSize / WordInputs;

    /// <summary>Words of a block.</summary>
    public int Words => Steps + (Start == BlockStart.None ? 0 : 1);
}

/// <summary>The first word of a block of activations.</summary>
internal enum BlockStart
{
    /// <summary>There is none: sums begin at 0.</summary>
    None,

    /// <summary>One 32-bit number for all inputs.</summary>
    Whole,

    /// <summary>Two 16-bit numbers: for the inputs whose place in their word is 0 or 1, and for the others.</summary>
    Split,
}

/// <summary>How a path takes weights: one number after the other, in the order of the inputs.</summary>
internal enum WeightForm
{
    /// <summary>A byte each, the offset added.</summary>
    Unsigned,

    /// <summary>A signed byte each.</summary>
    Signed,

    /// <summary>A signed 16-bit number each.</summary>
    Words,
}

/// <summary>A <see cref="BlockType"/> known when a kernel is compiled.</summary>
internal interface IBlockStorage
{
    static abstract BlockType Type { get; }

    /// <summary>What makes the numbers unsigned.</summary>
    static abstract int Offset { get; }
}

/// <summary><see cref="BlockType.Int4"/>.</summary>
internal readonly struct FourBits : IBlockStorage
{
    public static BlockType Type => BlockType.Int4;

    public static int Offset => 8;
}

/// <summary><see cref="BlockType.Int8"/>.</summary>
internal readonly struct EightBits : IBlockStorage
{
    public static BlockType Type => BlockType.Int8;

    public static int Offset => 128;
}
