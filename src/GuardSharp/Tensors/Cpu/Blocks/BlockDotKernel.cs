using System.Runtime.CompilerServices;

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
    /// <param name="groups">Whether the weights' blocks lie without gaps, so that groups of them are read at once.</param>
    /// <param name="activations">[blocks, BlockBytes].</param>
    /// <param name="starts">What each block's sum begins with.</param>
    public abstract void Arrange(int* words, int blocks, bool groups, byte* activations, float* starts);

    /// <summary>The scaled sum over the blocks of a weight row.</summary>
    /// <param name="weights">The row's first block.</param>
    /// <param name="pitch">Bytes between two blocks.</param>
    /// <param name="groups">As the activations were arranged.</param>
    /// <param name="scales">Scales of the weights, one a block.</param>
    /// <param name="row">The activations.</param>
    /// <param name="blocks">Number of blocks.</param>
    public abstract float Dot(byte* weights, int pitch, bool groups, float* scales, in ArrangedRow row, int blocks);
}

/// <summary>A row of activations as a <see cref="BlockDotKernel"/> reads it.</summary>
/// <param name="activations">The rounded numbers.</param>
/// <param name="scales">A scale for each block.</param>
/// <param name="starts">What each block's sum begins with.</param>
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

    public override string Name => TDot.Name;

    public override ActivationFormat Activations => TDot.Activations;

    public override int ListLength(int blocks) => (blocks + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes;

    public override void Arrange(int* words, int blocks, bool groups, byte* activations, float* starts)
    {
        var format = TDot.Activations;
        var grouped = groups && TDot.Group > 1 ? blocks / TDot.Group * TDot.Group : 0;
        for (var block = 0; block < blocks; block++, words += format.Words)
        {
            var hasStart = format.Start != BlockStart.None;
            starts[block] = hasStart ? *words : 0;
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
    public override float Dot(byte* weights, int pitch, bool groups, float* scales, in ArrangedRow row, int blocks)
    {
        var factors = row.Factors;
        var even = TSimd.Create(0);
        for (var i = 0; i < blocks; i += TSimd.Lanes)
        {
            var factor = TSimd.Multiply(TSimd.Load(scales + i), TSimd.Load(row.Scales + i));
            TSimd.Store(factor, factors + i);
            even = TSimd.MultiplyAdd(factor, TSimd.Load(row.Starts + i), even);
        }

        var odd = TSimd.Create(0);
        var activations = row.Activations;
        var bytes = TDot.Activations.Steps * sizeof(int);
        if (groups && TDot.Group > 1)
        {
            for (; blocks >= 2 * TDot.Group; blocks -= 2 * TDot.Group)
            {
                even = TSimd.MultiplyAdd(TDot.Several(weights, activations), TDot.Factors(factors), even);
                weights += TDot.Group * HalfBlock;
                activations += TDot.Group * bytes;
                odd = TSimd.MultiplyAdd(TDot.Several(weights, activations), TDot.Factors(factors + TDot.Group), odd);
                weights += TDot.Group * HalfBlock;
                activations += TDot.Group * bytes;
                factors += 2 * TDot.Group;
            }

            if (blocks >= TDot.Group)
            {
                even = TSimd.MultiplyAdd(TDot.Several(weights, activations), TDot.Factors(factors), even);
                weights += TDot.Group * HalfBlock;
                activations += TDot.Group * bytes;
                factors += TDot.Group;
                blocks -= TDot.Group;
            }
        }

        for (; blocks >= 2; blocks -= 2, factors += 2)
        {
            even = TSimd.MultiplyAdd(TDot.One(weights, activations), TSimd.Create(factors[0]), even);
            weights += pitch;
            activations += bytes;
            odd = TSimd.MultiplyAdd(TDot.One(weights, activations), TSimd.Create(factors[1]), odd);
            weights += pitch;
            activations += bytes;
        }

        if (blocks > 0)
        {
            even = TSimd.MultiplyAdd(TDot.One(weights, activations), TSimd.Create(factors[0]), even);
        }

        return TSimd.Sum(TSimd.Add(even, odd));
    }
}
