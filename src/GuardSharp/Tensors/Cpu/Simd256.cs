using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu;

/// <summary>8 lanes: AVX2 with FMA.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.ConditionalSelect(Vector256.LessThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> value) => Vector256.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectLess(Vector256<float> a, Vector256<float> b, Vector256<float> yes, Vector256<float> no) =>
        Vector256.ConditionalSelect(Vector256.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ScaleByPowerOfTwo(Vector256<float> value, Vector256<float> shifted) =>
        (value.AsInt32() + Vector256.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> value) => Vector256.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadBFloat16(ushort* source) => Vector256.ShiftLeft(Widen(source), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadHalf(ushort* source)
    {
        var bits = Widen(source);
        var magnitude = Vector256.ShiftLeft(bits & Vector256.Create(0x7FFF), 13);
        var scaled = (magnitude.AsSingle() * Vector256.Create(HalfBits.BiasCorrection)).AsInt32();
        var special = Vector256.GreaterThan(magnitude, Vector256.Create(HalfBits.LargestFinite)) & Vector256.Create(HalfBits.AllExponentBits);
        return (scaled | special | Vector256.ShiftLeft(bits & Vector256.Create(0x8000), 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadFiniteHalf(ushort* source)
    {
        // Widened with its sign, a half has it in the highest bit, where float32 has its own; below come copies of it, which are cleared.
        var bits = Avx2.IsSupported ? Avx2.ConvertToVector256Int32(Vector128.Load((short*)source)) : Signed(Widen(source));
        var moved = Vector256.ShiftLeft(bits, 13) & Vector256.Create(HalfBits.SignAndMagnitude);
        return moved.AsSingle() * Vector256.Create(HalfBits.BiasCorrection);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalf(Vector256<float> value, ushort* destination)
    {
        var magnitude = value.AsInt32() & Vector256.Create(int.MaxValue);
        // Adding a half rounds a small number to the steps of subnormal halves; any other drops 13 bits, ties to even.
        var small = (magnitude.AsSingle() + Vector256.Create(0.5f)).AsInt32() - Vector256.Create(0.5f).AsInt32();
        var odd = Vector256.ShiftRightLogical(magnitude, 13) & Vector256.Create(1);
        var normal = Vector256.Min(Vector256.ShiftRightLogical(magnitude + odd + Vector256.Create(HalfBits.Rounding), 13), Vector256.Create(HalfBits.Largest));
        var half = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(HalfBits.SmallestNormal)), small, normal);
        half |= Vector256.ShiftRightLogical(value.AsInt32(), 16) & Vector256.Create(0x8000);
        Vector128.Narrow(half.GetLower().AsUInt32(), half.GetUpper().AsUInt32()).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadInt8(sbyte* source)
    {
        var bytes = Vector128.CreateScalarUnsafe(*(ulong*)source).AsSByte();
        if (Avx2.IsSupported)
        {
            return Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(bytes));
        }

        var (low, high) = Vector128.Widen(Vector128.WidenLower(bytes));
        return Vector256.ConvertToSingle(Vector256.Create(low, high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreInt8(Vector256<float> value, sbyte* destination)
    {
        var bits = (value + Vector256.Create(HalfBits.IntegerOffset)).AsUInt32();
        var words = Vector128.Narrow(bits.GetLower(), bits.GetUpper());
        *(ulong*)destination = Vector128.Narrow(words, words).AsUInt64().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(ushort* source)
    {
        if (Avx2.IsSupported)
        {
            return Avx2.ConvertToVector256Int32(Vector128.Load(source));
        }

        var (low, high) = Vector128.Widen(Vector128.Load(source));
        return Vector256.Create(low, high).AsInt32();
    }

    private static Vector256<int> Signed(Vector256<int> bits) => Vector256.ShiftRightArithmetic(Vector256.ShiftLeft(bits, 16), 16);
}
