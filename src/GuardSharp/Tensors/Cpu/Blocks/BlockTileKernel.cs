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
