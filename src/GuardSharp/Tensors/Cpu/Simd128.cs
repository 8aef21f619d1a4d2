using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GuardSharp.Tensors.Cpu;

/// <summary>4 lanes: any processor; plain code where there are no vector instructions at all.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Lanes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.ConditionalSelect(Vector128.LessThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Abs(Vector128<float> value) => Vector128.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectLess(Vector128<float> a, Vector128<float> b, Vector128<float> yes, Vector128<float> no) =>
        Vector128.ConditionalSelect(Vector128.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ScaleByPowerOfTwo(Vector128<float> value, Vector128<float> shifted) =>
        (value.AsInt32() + Vector128.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadBFloat16(ushort* source) => Vector128.ShiftLeft(Widen(source), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadHalf(ushort* source)
    {
        var bits = Widen(source);
        var magnitude = Vector128.ShiftLeft(bits & Vector128.Create(0x7FFF), 13);
        var scaled = (magnitude.AsSingle() * Vector128.Create(HalfBits.BiasCorrection)).AsInt32();
        var special = Vector128.GreaterThan(magnitude, Vector128.Create(HalfBits.LargestFinite)) & Vector128.Create(HalfBits.AllExponentBits);
        return (scaled | special | Vector128.ShiftLeft(bits & Vector128.Create(0x8000), 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadFiniteHalf(ushort* source)
    {
        // Widened with its sign, a half has it in the highest bit, where float32 has its own; below come copies of it, which are cleared.
        var bits = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsInt16());
        var moved = Vector128.ShiftLeft(bits, 13) & Vector128.Create(HalfBits.SignAndMagnitude);
        return moved.AsSingle() * Vector128.Create(HalfBits.BiasCorrection);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalf(Vector128<float> value, ushort* destination)
    {
        var magnitude = value.AsInt32() & Vector128.Create(int.MaxValue);
        // Adding a half rounds a small number to the steps of subnormal halves; any other drops 13 bits, ties to even.
        var small = (magnitude.AsSingle() + Vector128.Create(0.5f)).AsInt32() - Vector128.Create(0.5f).AsInt32();
        var odd = Vector128.ShiftRightLogical(magnitude, 13) & Vector128.Create(1);
        var normal = Vector128.Min(Vector128.ShiftRightLogical(magnitude + odd + Vector128.Create(HalfBits.Rounding), 13), Vector128.Create(HalfBits.Largest));
        var half = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(HalfBits.SmallestNormal)), small, normal);
        half |= Vector128.ShiftRightLogical(value.AsInt32(), 16) & Vector128.Create(0x8000);
        *(ulong*)destination = Vector128.Narrow(half.AsUInt32(), half.AsUInt32()).AsUInt64().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadInt8(sbyte* source) =>
        Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(uint*)source).AsSByte())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreInt8(Vector128<float> value, sbyte* destination)
    {
        var bits = (value + Vector128.Create(HalfBits.IntegerOffset)).AsUInt32();
        var words = Vector128.Narrow(bits, bits);
        *(uint*)destination = Vector128.Narrow(words, words).AsUInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Widen(ushort* source) =>
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16()).AsInt32();
}
