using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Rows to panels and back. A panel holds the same column of all its rows side by side: [columns, width].</summary>
internal static unsafe class Transposition
{
    /// <summary>panel[i, r] = rows[r][i]; lanes without a row are 0.</summary>
    /// <param name="rows">Addresses of the rows.</param>
    /// <param name="length">Columns to take.</param>
    /// <param name="panel">The result, [length, width].</param>
    /// <param name="width">Lanes of the panel, a multiple of 4.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(ReadOnlySpan<nint> rows, int length, float* panel, int width)
    {
        var full = rows.Length & ~3;
        for (var r = 0; r < full; r += 4)
        {
            float* s0 = (float*)rows[r], s1 = (float*)rows[r + 1], s2 = (float*)rows[r + 2], s3 = (float*)rows[r + 3];
            var target = panel + r;
            var i = 0;
            for (; i <= length - 4; i += 4, target += 4 * width)
            {
                var (c0, c1, c2, c3) = Square(Vector128.Load(s0 + i), Vector128.Load(s1 + i), Vector128.Load(s2 + i), Vector128.Load(s3 + i));
                c0.Store(target);
                c1.Store(target + width);
                c2.Store(target + (2 * width));
                c3.Store(target + (3 * width));
            }

            for (; i < length; i++, target += width) Vector128.Create(s0[i], s1[i], s2[i], s3[i]).Store(target);
        }

        for (var r = full; r < width; r++)
        {
            var source = r < rows.Length ? (float*)rows[r] : null;
            for (var i = 0; i < length; i++) panel[((long)i * width) + r] = source is null ? 0 : source[i];
        }
    }

    /// <summary>rows[r][i] = panel[i, r] (+ offsets[i]).</summary>
    /// <param name="panel">[length, width].</param>
    /// <param name="width">Lanes of the panel, a multiple of 4.</param>
    /// <param name="length">Columns to write.</param>
    /// <param name="offsets">Numbers to add to the columns, or null.</param>
    /// <param name="rows">Addresses of the rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(float* panel, int width, int length, float* offsets, ReadOnlySpan<nint> rows)
    {
        var full = rows.Length & ~3;
        for (var r = 0; r < full; r += 4)
        {
            float* d0 = (float*)rows[r], d1 = (float*)rows[r + 1], d2 = (float*)rows[r + 2], d3 = (float*)rows[r + 3];
            var source = panel + r;
            for (var i = 0; i <= length - 4; i += 4, source += 4 * width)
            {
                var (c0, c1, c2, c3) = Square(Vector128.Load(source), Vector128.Load(source + width), Vector128.Load(source + (2 * width)), Vector128.Load(source + (3 * width)));
                var offset = offsets is null ? Vector128<float>.Zero : Vector128.Load(offsets + i);
                (c0 + offset).Store(d0 + i);
                (c1 + offset).Store(d1 + i);
                (c2 + offset).Store(d2 + i);
                (c3 + offset).Store(d3 + i);
            }
        }

        for (var r = 0; r < rows.Length; r++)
        {
            var target = (float*)rows[r];
            for (var i = r < full ? length & ~3 : 0; i < length; i++) target[i] = panel[((long)i * width) + r] + (offsets is null ? 0 : offsets[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> C0, Vector128<float> C1, Vector128<float> C2, Vector128<float> C3) Square(
        Vector128<float> r0, Vector128<float> r1, Vector128<float> r2, Vector128<float> r3)
    {
        var (low01, low23) = (UnpackLow(r0, r1), UnpackLow(r2, r3));
        var (high01, high23) = (UnpackHigh(r0, r1), UnpackHigh(r2, r3));
        return (LowHalves(low01, low23), HighHalves(low01, low23), LowHalves(high01, high23), HighHalves(high01, high23));
    }

    // Vectors made of halves would go through memory, where two narrow stores cannot be forwarded to a wide load.

    /// <summary>a0 a1 b0 b1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LowHalves(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveLowToHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector128.Create(a.GetLower(), b.GetLower());

    /// <summary>a2 a3 b2 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> HighHalves(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveHighToLow(b, a)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector128.Create(a.GetUpper(), b.GetUpper());

    /// <summary>a0 b0 a1 b1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> UnpackLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> UnpackHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
