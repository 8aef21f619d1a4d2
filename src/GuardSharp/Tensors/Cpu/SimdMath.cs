using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Functions of vectors.</summary>
internal static class SimdMath<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Below this e^x is no normal float32 number; 0 is returned.</summary>
    private const float LowestExponent = -87.33654f;

    /// <summary>Above this 2^n would leave the exponent's range; the result stays at e^88.37 = 2.4e38.</summary>
    private const float HighestExponent = 88.37626f;

    /// <summary>e^x, relative error about 1e-7 (at most 2 units in the last place).</summary>
    /// <remarks>x = n ln 2 + r, |r| at most ln 2 / 2; ln 2 in two parts (Cody and Waite); e^r by its Taylor polynomial of degree 7, whose rest is below 6e-9.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        var limited = TSimd.Max(TSimd.Create(LowestExponent), TSimd.Min(TSimd.Create(HighestExponent), x));
        var rounding = TSimd.Create(12582912f); // 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits.
        var shifted = TSimd.MultiplyAdd(limited, TSimd.Create(1.44269504f), rounding);
        var n = TSimd.Subtract(shifted, rounding);
        var r = TSimd.MultiplyAdd(n, TSimd.Create(-0.693359375f), limited);
        r = TSimd.MultiplyAdd(n, TSimd.Create(2.12194440e-4f), r);
        var sum = TSimd.Create(1f / 5040);
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(1f / 720));
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(1f / 120));
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(1f / 24));
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(1f / 6));
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(0.5f));
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(1f));
        sum = TSimd.MultiplyAdd(sum, r, TSimd.Create(1f));
        return TSimd.SelectLess(x, TSimd.Create(LowestExponent), TSimd.Create(0), TSimd.ScaleByPowerOfTwo(sum, shifted));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid(TVector x)
    {
        var one = TSimd.Create(1);
        return TSimd.Divide(one, TSimd.Add(one, Exp(TSimd.Subtract(TSimd.Create(0), x))));
    }

    /// <summary>x Φ(x), error below 1e-6.</summary>
    /// <remarks>Φ by erfc(z) = t P(t) e^(-z²), t = 1 / (1 + 0.3275911 z), error 1.5e-7 (Abramowitz and Stegun 7.1.26).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gelu(TVector x)
    {
        var one = TSimd.Create(1);
        var zero = TSimd.Create(0);
        var z = TSimd.Multiply(TSimd.Abs(x), TSimd.Create(0.70710678f));
        var t = TSimd.Divide(one, TSimd.MultiplyAdd(z, TSimd.Create(0.3275911f), one));
        var sum = TSimd.MultiplyAdd(t, TSimd.Create(1.061405429f), TSimd.Create(-1.453152027f));
        sum = TSimd.MultiplyAdd(sum, t, TSimd.Create(1.421413741f));
        sum = TSimd.MultiplyAdd(sum, t, TSimd.Create(-0.284496736f));
        sum = TSimd.MultiplyAdd(sum, t, TSimd.Create(0.254829592f));
        var tail = TSimd.Multiply(TSimd.Multiply(sum, t), TSimd.Multiply(TSimd.Create(0.5f), Exp(TSimd.Subtract(zero, TSimd.Multiply(z, z)))));
        return TSimd.Multiply(x, TSimd.SelectLess(x, zero, tail, TSimd.Subtract(one, tail)));
    }
}
