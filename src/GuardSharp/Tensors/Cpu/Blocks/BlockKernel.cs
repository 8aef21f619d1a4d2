using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>The product of quantised weights with many rows of activations, by one set of instructions.</summary>
internal abstract unsafe class BlockTileKernel
{
    /// <summary>Name for reports.</summary>
    public abstract string Name { get; }

    /// <summary>Rows of x in a vector.</summary>
    public abstract int Lanes { get; }

    /// <summary>Weight rows of a whole tile.</summary>
    public abstract int TileRows { get; }

    /// <summary>How it takes activations: panels [blocks, Words, rows] of words.</summary>
    public abstract ActivationFormat Activations { get; }

    /// <summary>How it takes weights.</summary>
    public abstract WeightForm Weights { get; }

    /// <summary>Bytes of a weight in that form.</summary>
    public int WeightBytes => Weights == WeightForm.Words ? sizeof(short) : sizeof(byte);

    /// <summary>tile[r, lane] += the products of some blocks; the tile is [rows, vectors * Lanes].</summary>
    /// <param name="factors">Weights and their scales.</param>
    /// <param name="panel">[blocks, Words, vectors * Lanes] words.</param>
    /// <param name="scales">[blocks, vectors * Lanes].</param>
    /// <param name="blocks">Number of blocks.</param>
    /// <param name="tile">The sums.</param>
    /// <param name="rows">Weight rows, rounded up to 4, 8 or 12: those between must be readable, and the tile must have room for them.</param>
    /// <param name="vectors">1 or 2.</param>
    public abstract void Tile(in BlockFactors factors, byte* panel, float* scales, int blocks, float* tile, int rows, int vectors);
}

/// <summary>Dot products of quantised weights with one row of activations, by one set of instructions.</summary>
internal abstract unsafe class BlockDotKernel
{
    /// <summary>Name for reports.</summary>
    public abstract string Name { get; }

    /// <summary>How it takes activations: [blocks, Words].</summary>
    public abstract ActivationFormat Activations { get; }

    /// <summary>The scaled sum over the blocks of a weight row.</summary>
    /// <param name="weights">The row's first block.</param>
    /// <param name="pitch">Bytes between two blocks.</param>
    /// <param name="weightScales">Scales of the weights, one a block.</param>
    /// <param name="words">The activations.</param>
    /// <param name="scales">Their scales, one a block.</param>
    /// <param name="blocks">Number of blocks.</param>
    public abstract float Dot(byte* weights, int pitch, float* weightScales, int* words, float* scales, int blocks);
}

/// <inheritdoc/>
internal sealed unsafe class BlockTileKernel<TPath, TInt, TSimd, TVector> : BlockTileKernel
    where TPath : struct, IBlockPath<TInt, TVector>
    where TInt : struct
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public override string Name => TPath.Name;

    public override int Lanes => TSimd.Lanes;

    public override int TileRows => TPath.TileRows;

    public override ActivationFormat Activations => TPath.Activations;

    public override WeightForm Weights => TPath.Weights;

    public override void Tile(in BlockFactors factors, byte* panel, float* scales, int blocks, float* tile, int rows, int vectors)
    {
        switch (rows, vectors)
        {
            case ( > 8, > 1):
                BlockTile<TPath, TInt, TSimd, TVector>.Run<Tile12x2>(factors, panel, scales, blocks, tile);
                break;
            case ( > 8, _):
                BlockTile<TPath, TInt, TSimd, TVector>.Run<Tile12x1>(factors, panel, scales, blocks, tile);
                break;
            case ( > 4, > 1):
                BlockTile<TPath, TInt, TSimd, TVector>.Run<Tile8x2>(factors, panel, scales, blocks, tile);
                break;
            case ( > 4, _):
                BlockTile<TPath, TInt, TSimd, TVector>.Run<Tile8x1>(factors, panel, scales, blocks, tile);
                break;
            case (_, > 1):
                BlockTile<TPath, TInt, TSimd, TVector>.Run<Tile4x2>(factors, panel, scales, blocks, tile);
                break;
            default:
                BlockTile<TPath, TInt, TSimd, TVector>.Run<Tile4x1>(factors, panel, scales, blocks, tile);
                break;
        }
    }
}

/// <inheritdoc/>
internal sealed unsafe class BlockDotKernel<TDot, TSimd, TVector> : BlockDotKernel
    where TDot : struct, IBlockDot<TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public override string Name => TDot.Name;

    public override ActivationFormat Activations => TDot.Activations;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Dot(byte* weights, int pitch, float* weightScales, int* words, float* scales, int blocks)
    {
        var step = TDot.Activations.Words;
        var even = TSimd.Create(0);
        var odd = even;
        var block = 0;
        for (; block < blocks - 1; block += 2)
        {
            even = TSimd.MultiplyAdd(TDot.Products(weights, words), TSimd.Create(weightScales[block] * scales[block]), even);
            weights += pitch;
            words += step;
            odd = TSimd.MultiplyAdd(TDot.Products(weights, words), TSimd.Create(weightScales[block + 1] * scales[block + 1]), odd);
            weights += pitch;
            words += step;
        }

        if (block < blocks)
        {
            even = TSimd.MultiplyAdd(TDot.Products(weights, words), TSimd.Create(weightScales[block] * scales[block]), even);
        }

        return TSimd.Sum(TSimd.Add(even, odd));
    }
}
