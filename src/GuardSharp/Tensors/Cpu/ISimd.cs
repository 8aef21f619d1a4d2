namespace GuardSharp.Tensors.Cpu;

/// <summary>The vector instructions the kernels are written in, so that each kernel exists once for every vector width.</summary>
/// <typeparam name="TVector">A vector of float32.</typeparam>
internal unsafe interface ISimd<TVector> where TVector : struct
{
    /// <summary>Numbers in a vector.</summary>
    static abstract int Lanes { get; }

    static abstract TVector Load(float* source);

    static abstract void Store(TVector value, float* destination);

    /// <summary>The same number in every lane.</summary>
    static abstract TVector Create(float value);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Subtract(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a * b + c, in one rounding where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>The smaller; NaN where b is NaN.</summary>
    static abstract TVector Min(TVector a, TVector b);

    /// <summary>The larger; NaN where b is NaN.</summary>
    static abstract TVector Max(TVector a, TVector b);

    static abstract TVector Abs(TVector value);

    /// <summary>Lane by lane: a &lt; b ? yes : no.</summary>
    static abstract TVector SelectLess(TVector a, TVector b, TVector yes, TVector no);

    /// <summary>value * 2^n, n in the low bits of the mantissa of <paramref name="shifted"/> = n + 1.5 * 2^23.</summary>
    static abstract TVector ScaleByPowerOfTwo(TVector value, TVector shifted);

    static abstract float Sum(TVector value);

    /// <summary>As many bfloat16 numbers as there are lanes.</summary>
    static abstract TVector LoadBFloat16(ushort* source);

    /// <summary>As many half precision numbers as there are lanes.</summary>
    static abstract TVector LoadHalf(ushort* source);

    /// <summary>The same where none is infinite or NaN: half the instructions.</summary>
    static abstract TVector LoadFiniteHalf(ushort* source);

    /// <summary>Stores finite numbers in half precision, to the nearest, ties to even; what is beyond 65504 becomes that.</summary>
    static abstract void StoreHalf(TVector value, ushort* destination);

    /// <summary>As many signed bytes as there are lanes.</summary>
    static abstract TVector LoadInt8(sbyte* source);

    /// <summary>Stores numbers from -127 to 127 as signed bytes, to the nearest, ties to even.</summary>
    static abstract void StoreInt8(TVector value, sbyte* destination);
}
