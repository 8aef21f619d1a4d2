using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu;

/// <summary>16 lanes: AVX-512.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Lanes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.ConditionalSelect(Vector512.LessThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.ConditionalSelect(Vector512.GreaterThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> value) => Vector512.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectLess(Vector512<float> a, Vector512<float> b, Vector512<float> yes, Vector512<float> no) =>
        Vector512.ConditionalSelect(Vector512.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ScaleByPowerOfTwo(Vector512<float> value, Vector512<float> shifted) =>
        (value.AsInt32() + Vector512.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value) => Vector512.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBFloat16(ushort* source) => Vector512.ShiftLeft(Widen(source), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadHalf(ushort* source)
    {
        // The exponent is moved over and its bias corrected by a product, which also makes subnormal halves normal; infinities and NaN get all exponent bits.
        var bits = Widen(source);
        var magnitude = Vector512.ShiftLeft(bits & Vector512.Create(0x7FFF), 13);
        var scaled = (magnitude.AsSingle() * Vector512.Create(HalfBits.BiasCorrection)).AsInt32();
        var special = Vector512.GreaterThan(magnitude, Vector512.Create(HalfBits.LargestFinite)) & Vector512.Create(HalfBits.AllExponentBits);
        return (scaled | special | Vector512.ShiftLeft(bits & Vector512.Create(0x8000), 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFiniteHalf(ushort* source)
    {
        // Widened with its sign, a half has it in the highest bit, where float32 has its own; below come copies of it, which are cleared.
        var bits = Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(Vector256.Load((short*)source)) : Signed(Widen(source));
        var moved = Vector512.ShiftLeft(bits, 13) & Vector512.Create(HalfBits.SignAndMagnitude);
        return moved.AsSingle() * Vector512.Create(HalfBits.BiasCorrection);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalf(Vector512<float> value, ushort* destination)
    {
        var magnitude = value.AsInt32() & Vector512.Create(int.MaxValue);
        // Adding a half rounds a small number to the steps of subnormal halves; any other drops 13 bits, ties to even.
        var small = (magnitude.AsSingle() + Vector512.Create(0.5f)).AsInt32() - Vector512.Create(0.5f).AsInt32();
        var odd = Vector512.ShiftRightLogical(magnitude, 13) & Vector512.Create(1);
        var normal = Vector512.Min(Vector512.ShiftRightLogical(magnitude + odd + Vector512.Create(HalfBits.Rounding), 13), Vector512.Create(HalfBits.Largest));
        var half = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(HalfBits.SmallestNormal)), small, normal);
        half |= Vector512.ShiftRightLogical(value.AsInt32(), 16) & Vector512.Create(0x8000);
        Vector256.Narrow(half.GetLower().AsUInt32(), half.GetUpper().AsUInt32()).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadInt8(sbyte* source)
    {
        var bytes = Vector128.Load(source);
        if (Avx512F.IsSupported)
        {
            return Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(bytes));
        }

        var (first, second) = Vector128.Widen(bytes);
        var (low, high) = Vector256.Widen(Vector256.Create(first, second));
        return Vector512.ConvertToSingle(Vector512.Create(low, high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreInt8(Vector512<float> value, sbyte* destination)
    {
        var bits = (value + Vector512.Create(HalfBits.IntegerOffset)).AsUInt32();
        var words = Vector256.Narrow(bits.GetLower(), bits.GetUpper());
        Vector128.Narrow(words.GetLower(), words.GetUpper()).Store((byte*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Widen(ushort* source)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512Int32(Vector256.Load(source));
        }

        var (low, high) = Vector256.Widen(Vector256.Load(source));
        return Vector512.Create(low, high).AsInt32();
    }

    private static Vector512<int> Signed(Vector512<int> bits) => Vector512.ShiftRightArithmetic(Vector512.ShiftLeft(bits, 16), 16);
}
