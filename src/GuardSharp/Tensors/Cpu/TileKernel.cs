using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The one matrix product kernel: a tile of results held in registers.</summary>
internal static unsafe class TileKernel<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>tile[r, lane] (+)= sum over i of factors[r * rowStride + i * step] * panel[i * panelStep + lane], for the rows and vectors of the shape.</summary>
    /// <remarks>
    /// Each factor is spread over a vector and meets two vectors of the panel: 24 products for 14 loads with 32 registers, so the multipliers and not the loads are the limit.
    /// Rows are reached from three addresses and three strides, which leaves enough address registers.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TShape>(in TileFactors factors, float* panel, nint panelStep, int count, float* tile, bool accumulate)
        where TShape : struct, ITileShape
    {
        var zero = TSimd.Create(0);
        TVector a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero, a8 = zero, a9 = zero, a10 = zero, a11 = zero;
        TVector b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero, b6 = zero, b7 = zero, b8 = zero, b9 = zero, b10 = zero, b11 = zero;
        var (step, stride) = (factors.Step, factors.RowStride);
        var (stride2, stride3) = (stride * 2, stride * 3);
        var w0 = factors.Data;
        var w4 = w0 + (stride * 4);
        var w8 = w4 + (stride * 4);
        var ahead = (byte*)factors.Ahead;
        for (; count > 0; count--)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(ahead);
                ahead += factors.AheadStep;
            }

            var p = TSimd.Load(panel);
            var q = TShape.Vectors > 1 ? TSimd.Load(panel + TSimd.Lanes) : p;
            Step<TShape>(*w0, p, q, ref a0, ref b0);
            Step<TShape>(w0[stride], p, q, ref a1, ref b1);
            Step<TShape>(w0[stride2], p, q, ref a2, ref b2);
            Step<TShape>(w0[stride3], p, q, ref a3, ref b3);
            if (TShape.Rows > 4)
            {
                Step<TShape>(*w4, p, q, ref a4, ref b4);
                Step<TShape>(w4[stride], p, q, ref a5, ref b5);
            }

            if (TShape.Rows > 6)
            {
                Step<TShape>(w4[stride2], p, q, ref a6, ref b6);
                Step<TShape>(w4[stride3], p, q, ref a7, ref b7);
            }

            if (TShape.Rows > 8)
            {
                Step<TShape>(*w8, p, q, ref a8, ref b8);
                Step<TShape>(w8[stride], p, q, ref a9, ref b9);
                Step<TShape>(w8[stride2], p, q, ref a10, ref b10);
                Step<TShape>(w8[stride3], p, q, ref a11, ref b11);
            }

            w0 += step;
            w4 += step;
            w8 += step;
            panel += panelStep;
        }

        Store<TShape>(tile, 0, a0, b0, accumulate);
        Store<TShape>(tile, 1, a1, b1, accumulate);
        Store<TShape>(tile, 2, a2, b2, accumulate);
        Store<TShape>(tile, 3, a3, b3, accumulate);
        if (TShape.Rows > 4)
        {
            Store<TShape>(tile, 4, a4, b4, accumulate);
            Store<TShape>(tile, 5, a5, b5, accumulate);
        }

        if (TShape.Rows > 6)
        {
            Store<TShape>(tile, 6, a6, b6, accumulate);
            Store<TShape>(tile, 7, a7, b7, accumulate);
        }

        if (TShape.Rows > 8)
        {
            Store<TShape>(tile, 8, a8, b8, accumulate);
            Store<TShape>(tile, 9, a9, b9, accumulate);
            Store<TShape>(tile, 10, a10, b10, accumulate);
            Store<TShape>(tile, 11, a11, b11, accumulate);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TShape>(float factor, TVector p, TVector q, ref TVector a, ref TVector b) where TShape : struct, ITileShape
    {
        var spread = TSimd.Create(factor);
        a = TSimd.MultiplyAdd(spread, p, a);
        if (TShape.Vectors > 1)
        {
            b = TSimd.MultiplyAdd(spread, q, b);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TShape>(float* tile, int row, TVector a, TVector b, bool accumulate) where TShape : struct, ITileShape
    {
        tile += row * TShape.Vectors * TSimd.Lanes;
        TSimd.Store(accumulate ? TSimd.Add(TSimd.Load(tile), a) : a, tile);
        if (TShape.Vectors > 1)
        {
            tile += TSimd.Lanes;
            TSimd.Store(accumulate ? TSimd.Add(TSimd.Load(tile), b) : b, tile);
        }
    }
}

/// <summary>Where a tile's factors lie: factor i of row r is at Data[r * RowStride + i * Step].</summary>
/// <param name="data">The first factor.</param>
/// <param name="rowStride">Numbers between two rows.</param>
/// <param name="step">Numbers between two factors of a row.</param>
/// <param name="ahead">Memory that will be needed soon, fetched into the second-level cache meanwhile; any address, also none.</param>
/// <param name="aheadStep">Bytes of it per factor.</param>
internal readonly unsafe struct TileFactors(float* data, nint rowStride, nint step, byte* ahead = null, int aheadStep = 0)
{
    public readonly float* Data = data;
    public readonly nint RowStride = rowStride;
    public readonly nint Step = step;
    public readonly byte* Ahead = ahead;
    public readonly int AheadStep = aheadStep;
}

/// <summary>Rows and vectors of a tile, known when the kernel is compiled.</summary>
internal interface ITileShape
{
    static abstract int Rows { get; }

    static abstract int Vectors { get; }
}

internal readonly struct Tile4x1 : ITileShape
{
    public static int Rows => 4;

    public static int Vectors => 1;
}

internal readonly struct Tile4x2 : ITileShape
{
    public static int Rows => 4;

    public static int Vectors => 2;
}

internal readonly struct Tile6x1 : ITileShape
{
    public static int Rows => 6;

    public static int Vectors => 1;
}

internal readonly struct Tile6x2 : ITileShape
{
    public static int Rows => 6;

    public static int Vectors => 2;
}

internal readonly struct Tile8x1 : ITileShape
{
    public static int Rows => 8;

    public static int Vectors => 1;
}

internal readonly struct Tile8x2 : ITileShape
{
    public static int Rows => 8;

    public static int Vectors => 2;
}

internal readonly struct Tile12x1 : ITileShape
{
    public static int Rows => 12;

    public static int Vectors => 1;
}

internal readonly struct Tile12x2 : ITileShape
{
    public static int Rows => 12;

    public static int Vectors => 2;
}
