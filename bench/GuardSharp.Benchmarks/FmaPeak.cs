using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>What the multipliers can do at most: independent multiply-adds on registers, on all threads at once.</summary>
internal sealed class FmaPeak : ParallelJob
{
    private const int Steps = 2_000_000;
    private const int Chains = 16;
    private float sink;

    /// <summary>Floating point operations of one item.</summary>
    public static double Operations => 2.0 * Steps * Chains * (Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4);

    public override void Run(int item, int worker) =>
        sink = Vector512.IsHardwareAccelerated ? Loop<Simd512, Vector512<float>>()
            : Vector256.IsHardwareAccelerated ? Loop<Simd256, Vector256<float>>()
            : Loop<Simd128, Vector128<float>>();

    public override string ToString() => $"{sink}";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector a = TSimd.Create(0.999f), b = TSimd.Create(1e-3f);
        TVector c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a, c6 = a, c7 = a, c8 = a, c9 = a, c10 = a, c11 = a, c12 = a, c13 = a, c14 = a, c15 = a;
        for (var i = 0; i < Steps; i++)
        {
            c0 = TSimd.MultiplyAdd(c0, a, b);
            c1 = TSimd.MultiplyAdd(c1, a, b);
            c2 = TSimd.MultiplyAdd(c2, a, b);
            c3 = TSimd.MultiplyAdd(c3, a, b);
            c4 = TSimd.MultiplyAdd(c4, a, b);
            c5 = TSimd.MultiplyAdd(c5, a, b);
            c6 = TSimd.MultiplyAdd(c6, a, b);
            c7 = TSimd.MultiplyAdd(c7, a, b);
            c8 = TSimd.MultiplyAdd(c8, a, b);
            c9 = TSimd.MultiplyAdd(c9, a, b);
            c10 = TSimd.MultiplyAdd(c10, a, b);
            c11 = TSimd.MultiplyAdd(c11, a, b);
            c12 = TSimd.MultiplyAdd(c12, a, b);
            c13 = TSimd.MultiplyAdd(c13, a, b);
            c14 = TSimd.MultiplyAdd(c14, a, b);
            c15 = TSimd.MultiplyAdd(c15, a, b);
        }

        var left = TSimd.Add(TSimd.Add(TSimd.Add(c0, c1), TSimd.Add(c2, c3)), TSimd.Add(TSimd.Add(c4, c5), TSimd.Add(c6, c7)));
        var right = TSimd.Add(TSimd.Add(TSimd.Add(c8, c9), TSimd.Add(c10, c11)), TSimd.Add(TSimd.Add(c12, c13), TSimd.Add(c14, c15)));
        return TSimd.Sum(TSimd.Add(left, right));
    }
}
