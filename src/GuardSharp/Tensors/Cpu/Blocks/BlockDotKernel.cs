using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Dot products of quantised weights with one row of activations, by one set of instructions.</summary>
internal abstract unsafe class BlockDotKernel
{
    /// <summary>Name for reports.</summary>
    public abstract string Name { get; }

    /// <summary>How <see cref="Arrange"/> takes activations.</summary>
    public abstract ActivationFormat Activations { get; }

    /// <summary>Bytes of a block of arranged activations.</summary>
    public int BlockBytes => Activations.Steps * sizeof(int);

    /// <summary>Numbers that lists of one for each block must have room for; what is behind the last block must be 0 in activations.</summary>
    public abstract int ListLength(int blocks);

    /// <summary>Brings rounded activations into the order that the products read them in.</summary>
    /// <param name="words">[blocks, Words].</param>
    /// <param name="blocks">Number of blocks.</param>
    /// <param name="activations">[blocks, BlockBytes].</param>
    /// <param name="scales">Their scales, one a block.</param>
    /// <param name="starts">What each block's sum begins with, scaled.</param>
    public abstract void Arrange(int* words, int blocks, byte* activations, float* scales, float* starts);

    /// <summary>The scaled sums over the blocks of some weight rows.</summary>
    /// <param name="weights">The rows.</param>
    /// <param name="row">The activations.</param>
    /// <param name="y">A result for each weight row.</param>
    public abstract void Dots(in StoredRows weights, in ArrangedRow row, float* y);
}

/// <summary>Neighbouring rows of a weight as they are stored.</summary>
/// <param name="first">The first block of the first row.</param>
/// <param name="count">Number of rows.</param>
/// <param name="rowPitch">Bytes between two rows.</param>
/// <param name="blocks">Blocks of a row.</param>
/// <param name="pitch">Bytes between two blocks.</param>
/// <param name="scales">Scales [count, ListLength].</param>
/// <param name="fetchAhead">Bytes between what is read and what is asked for.</param>
internal readonly unsafe struct StoredRows(byte* first, int count, nint rowPitch, int blocks, int pitch, float* scales, nint fetchAhead)
{
    public readonly byte* First = first;
    public readonly float* Scales = scales;
    public readonly nint RowPitch = rowPitch;
    public readonly nint FetchAhead = fetchAhead;
    public readonly int Count = count;
    public readonly int Blocks = blocks;
    public readonly int Pitch = pitch;
}

/// <summary>A row of activations as a <see cref="BlockDotKernel"/> reads it.</summary>
/// <param name="activations">The rounded numbers.</param>
/// <param name="scales">A scale for each block.</param>
/// <param name="starts">What each block's sum begins with, scaled.</param>
/// <param name="factors">Room for a number for each block.</param>
internal readonly unsafe struct ArrangedRow(byte* activations, float* scales, float* starts, float* factors)
{
    public readonly byte* Activations = activations;
    public readonly float* Scales = scales;
    public readonly float* Starts = starts;
    public readonly float* Factors = factors;
}

/// <inheritdoc/>
internal sealed unsafe class BlockDotKernel<TDot, TSimd, TVector> : BlockDotKernel
    where TDot : struct, IBlockDot<TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int HalfBlock = BlockWeight.BlockSize / 2;
    private const int CacheLine = 64;

    public override string Name => TDot.Name;

    public override ActivationFormat Activations => TDot.Activations;

    public override int ListLength(int blocks) => (blocks + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes;

    public override void Arrange(int* words, int blocks, byte* activations, float* scales, float* starts)
    {
        var format = TDot.Activations;
        var grouped = TDot.Group > 1 ? blocks / TDot.Group * TDot.Group : 0;
        for (var block = 0; block < blocks; block++, words += format.Words)
        {
            var hasStart = format.Start != BlockStart.None;
            starts[block] = hasStart ? *words * scales[block] : 0;
            var source = (byte*)(words + (hasStart ? 1 : 0));
            if (block >= grouped)
            {
                Buffer.MemoryCopy(source, activations + ((long)block * BlockBytes), BlockBytes, BlockBytes);
                continue;
            }

            var (group, place) = Math.DivRem(block, TDot.Group);
            var target = activations + ((long)group * TDot.Group * BlockBytes) + (place * HalfBlock);
            Buffer.MemoryCopy(source, target, HalfBlock, HalfBlock);
            Buffer.MemoryCopy(source + HalfBlock, target + (TDot.Group * HalfBlock), HalfBlock, HalfBlock);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Dots(in StoredRows weights, in ArrangedRow row, float* y)
    {
        var length = (weights.Blocks + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes;
        var (start, scales) = ((nint)weights.First, (nint)weights.Scales);
        for (var i = 0; i < weights.Count; i++)
        {
            y[i] = Dot((byte*)start, weights, (float*)scales, row);
            start += weights.RowPitch;
            scales += length * sizeof(float);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(byte* source, in StoredRows weights, float* scales, in ArrangedRow row)
    {
        var blocks = weights.Blocks;
        var factors = row.Factors;
        var (even, odd) = (TSimd.Create(0), TSimd.Create(0));
        for (var i = 0; i < blocks; i += TSimd.Lanes)
        {
            var scale = TSimd.Load(scales + i);
            TSimd.Store(TSimd.Multiply(scale, TSimd.Load(row.Scales + i)), factors + i);
            even = TSimd.MultiplyAdd(scale, TSimd.Load(row.Starts + i), even);
        }

        var activations = row.Activations;
        var bytes = TDot.Activations.Steps * sizeof(int);
        if (TDot.Group > 1)
        {
            for (; blocks >= 2 * TDot.Group; blocks -= 2 * TDot.Group)
            {
                Fetch(source + weights.FetchAhead);
                even = TSimd.MultiplyAdd(TDot.Several(source, weights.Pitch, activations), TDot.Factors(factors), even);
                source += TDot.Group * (nint)weights.Pitch;
                activations += TDot.Group * bytes;
                odd = TSimd.MultiplyAdd(TDot.Several(source, weights.Pitch, activations), TDot.Factors(factors + TDot.Group), odd);
                source += TDot.Group * (nint)weights.Pitch;
                activations += TDot.Group * bytes;
                factors += 2 * TDot.Group;
            }

            if (blocks >= TDot.Group)
            {
                even = TSimd.MultiplyAdd(TDot.Several(source, weights.Pitch, activations), TDot.Factors(factors), even);
                source += TDot.Group * (nint)weights.Pitch;
                activations += TDot.Group * bytes;
                factors += TDot.Group;
                blocks -= TDot.Group;
            }
        }

        for (; blocks >= 2; blocks -= 2, factors += 2)
        {
            if (TDot.Group == 1)
            {
                Fetch(source + weights.FetchAhead);
            }

            even = TSimd.MultiplyAdd(TDot.One(source, activations), TSimd.Create(factors[0]), even);
            source += weights.Pitch;
            activations += bytes;
            odd = TSimd.MultiplyAdd(TDot.One(source, activations), TSimd.Create(factors[1]), odd);
            source += weights.Pitch;
            activations += bytes;
        }

        if (blocks > 0)
        {
            even = TSimd.MultiplyAdd(TDot.One(source, activations), TSimd.Create(factors[0]), even);
        }

        return TSimd.Sum(TSimd.Add(even, odd));
    }

    /// <summary>Asks for weights that are needed later: a processor's own prefetching stops at every page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* later)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(later);
            if (TDot.Group > 1)
            {
                // The third for blocks with scales between them: 144 bytes.
                Sse.Prefetch0(later + CacheLine);
                Sse.Prefetch0(later + (2 * CacheLine));
            }
        }
    }
}
