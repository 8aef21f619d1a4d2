using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>The product of quantised weights with many rows: a tile whose whole-number sums of a block stay in registers.</summary>
/// <remarks>The counterpart of <see cref="TileKernel{TSimd,TVector}"/>. After each block of 32 inputs the sums are scaled and added to the tile in float32.</remarks>
internal static unsafe class BlockTile<TPath, TInt, TSimd, TVector>
    where TPath : struct, IBlockPath<TInt, TVector>
    where TInt : struct
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int WordBytes = 4;

    /// <summary>tile[r, lane] += sum over the blocks of weight scale[r] * activation scale[lane] * (weights of row r · activations of the lane).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TShape>(in BlockFactors factors, byte* panel, float* scales, int blocks, float* tile) where TShape : struct, ITileShape
    {
        var lanes = TSimd.Lanes;
        var stride = factors.RowBytes;
        var (stride2, stride3) = (stride * 2, stride * 3);
        var w0 = factors.Weights;
        var w4 = w0 + (stride * 4);
        var w8 = w4 + (stride * 4);
        var weightScales = factors.Scales;
        var hasStart = TPath.Activations.Start != BlockStart.None;
        var steps = TPath.Activations.Steps;
        for (; blocks > 0; blocks--)
        {
            TInt s = default, t = default;
            if (hasStart)
            {
                s = TPath.Load(panel);
                t = TShape.Vectors > 1 ? TPath.Load(panel + (lanes * WordBytes)) : s;
                panel += lanes * TShape.Vectors * WordBytes;
            }

            TInt a0 = s, a1 = s, a2 = s, a3 = s, a4 = s, a5 = s, a6 = s, a7 = s, a8 = s, a9 = s, a10 = s, a11 = s;
            TInt b0 = t, b1 = t, b2 = t, b3 = t, b4 = t, b5 = t, b6 = t, b7 = t, b8 = t, b9 = t, b10 = t, b11 = t;
            for (var step = 0; step < steps; step++)
            {
                var p = TPath.Load(panel);
                var q = TShape.Vectors > 1 ? TPath.Load(panel + (lanes * WordBytes)) : p;
                panel += lanes * TShape.Vectors * WordBytes;
                Step<TShape>(w0, p, q, ref a0, ref b0);
                Step<TShape>(w0 + stride, p, q, ref a1, ref b1);
                Step<TShape>(w0 + stride2, p, q, ref a2, ref b2);
                Step<TShape>(w0 + stride3, p, q, ref a3, ref b3);
                w0 += WordBytes;
                if (TShape.Rows > 4)
                {
                    Step<TShape>(w4, p, q, ref a4, ref b4);
                    Step<TShape>(w4 + stride, p, q, ref a5, ref b5);
                    Step<TShape>(w4 + stride2, p, q, ref a6, ref b6);
                    Step<TShape>(w4 + stride3, p, q, ref a7, ref b7);
                    w4 += WordBytes;
                }

                if (TShape.Rows > 8)
                {
                    Step<TShape>(w8, p, q, ref a8, ref b8);
                    Step<TShape>(w8 + stride, p, q, ref a9, ref b9);
                    Step<TShape>(w8 + stride2, p, q, ref a10, ref b10);
                    Step<TShape>(w8 + stride3, p, q, ref a11, ref b11);
                    w8 += WordBytes;
                }
            }

            var u = TSimd.Load(scales);
            var v = TShape.Vectors > 1 ? TSimd.Load(scales + lanes) : u;
            scales += lanes * TShape.Vectors;
            Add<TShape>(tile, 0, a0, b0, weightScales, factors.ScaleStride, u, v);
            Add<TShape>(tile, 1, a1, b1, weightScales, factors.ScaleStride, u, v);
            Add<TShape>(tile, 2, a2, b2, weightScales, factors.ScaleStride, u, v);
            Add<TShape>(tile, 3, a3, b3, weightScales, factors.ScaleStride, u, v);
            if (TShape.Rows > 4)
            {
                Add<TShape>(tile, 4, a4, b4, weightScales, factors.ScaleStride, u, v);
                Add<TShape>(tile, 5, a5, b5, weightScales, factors.ScaleStride, u, v);
                Add<TShape>(tile, 6, a6, b6, weightScales, factors.ScaleStride, u, v);
                Add<TShape>(tile, 7, a7, b7, weightScales, factors.ScaleStride, u, v);
            }

            if (TShape.Rows > 8)
            {
                Add<TShape>(tile, 8, a8, b8, weightScales, factors.ScaleStride, u, v);
                Add<TShape>(tile, 9, a9, b9, weightScales, factors.ScaleStride, u, v);
                Add<TShape>(tile, 10, a10, b10, weightScales, factors.ScaleStride, u, v);
                Add<TShape>(tile, 11, a11, b11, weightScales, factors.ScaleStride, u, v);
            }

            weightScales++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TShape>(byte* word, TInt p, TInt q, ref TInt a, ref TInt b) where TShape : struct, ITileShape
    {
        var spread = TPath.Spread(word);
        a = TPath.MultiplyAdd(a, spread, p);
        if (TShape.Vectors > 1)
        {
            b = TPath.MultiplyAdd(b, spread, q);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TShape>(float* tile, int row, TInt a, TInt b, float* scales, nint stride, TVector u, TVector v) where TShape : struct, ITileShape
    {
        tile += row * TShape.Vectors * TSimd.Lanes;
        var scale = TSimd.Create(scales[row * stride]);
        TSimd.Store(TSimd.MultiplyAdd(TPath.Finish(a), TSimd.Multiply(scale, u), TSimd.Load(tile)), tile);
        if (TShape.Vectors > 1)
        {
            tile += TSimd.Lanes;
            TSimd.Store(TSimd.MultiplyAdd(TPath.Finish(b), TSimd.Multiply(scale, v), TSimd.Load(tile)), tile);
        }
    }
}

/// <summary>Where a tile's weights and their scales lie, in the form the path takes.</summary>
/// <param name="weights">The first number of the first row.</param>
/// <param name="rowBytes">Bytes between two rows.</param>
/// <param name="scales">The first block's scale of the first row.</param>
/// <param name="scaleStride">Numbers between the scales of two rows.</param>
internal readonly unsafe struct BlockFactors(byte* weights, nint rowBytes, float* scales, nint scaleStride)
{
    public readonly byte* Weights = weights;
    public readonly nint RowBytes = rowBytes;
    public readonly float* Scales = scales;
    public readonly nint ScaleStride = scaleStride;
}
