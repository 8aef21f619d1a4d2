using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>AVX-512, 8-bit weights: products of 16-bit numbers.</summary>
internal readonly unsafe struct WordDot512 : IBlockDot<Vector512<float>>
{
    public static string Name => "avx512";

    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    public static int Group => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> One(byte* weights, byte* activations) => Avx512F.ConvertToVector512Single(
        Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load((sbyte*)weights)), Vector512.Load((short*)activations)));

    public static Vector512<float> Several(byte* weights, nint pitch, byte* activations) => One(weights, activations);

    public static Vector512<float> Factors(float* factors) => Vector512.Create(*factors);
}

/// <summary>AVX-VNNI, 8-bit weights: unsigned weights times signed activations.</summary>
internal readonly unsafe struct VnniDot : IBlockDot<Vector256<float>>
{
    public static string Name => "avx-vnni";

    public static bool IsSupported => AvxVnni.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Whole, 128);

    public static int Group => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> One(byte* weights, byte* activations) => Avx.ConvertToVector256Single(
        AvxVnni.MultiplyWideningAndAdd(Vector256<int>.Zero, Stored.Unsigned<EightBits>(weights), Vector256.Load((sbyte*)activations)));

    public static Vector256<float> Several(byte* weights, nint pitch, byte* activations) => One(weights, activations);

    public static Vector256<float> Factors(float* factors) => Vector256.Create(*factors);
}

/// <summary>AVX2, 8-bit weights: products of 16-bit numbers.</summary>
internal readonly unsafe struct WordDot256 : IBlockDot<Vector256<float>>
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    public static int Group => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> One(byte* weights, byte* activations)
    {
        var low = Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.Load((sbyte*)weights)), Vector256.Load((short*)activations));
        var high = Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.Load((sbyte*)weights + 16)), Vector256.Load((short*)activations + 16));
        return Avx.ConvertToVector256Single(low + high);
    }

    public static Vector256<float> Several(byte* weights, nint pitch, byte* activations) => One(weights, activations);

    public static Vector256<float> Factors(float* factors) => Vector256.Create(*factors);
}

/// <summary>Arm's dot product instruction.</summary>
internal readonly unsafe struct ArmDot<TStorage> : IBlockDot<Vector128<float>> where TStorage : struct, IBlockStorage
{
    public static string Name => "arm dot product";

    public static bool IsSupported => Dp.IsSupported;

    public static ActivationFormat Activations => new(4, BlockStart.None, 0);

    public static int Group => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> One(byte* weights, byte* activations)
    {
        var (low, high) = Stored.Signed<TStorage>(weights);
        var sum = Dp.DotProduct(Vector128<int>.Zero, low, Vector128.Load((sbyte*)activations));
        return Vector128.ConvertToSingle(Dp.DotProduct(sum, high, Vector128.Load((sbyte*)activations + 16)));
    }

    public static Vector128<float> Several(byte* weights, nint pitch, byte* activations) => One(weights, activations);

    public static Vector128<float> Factors(float* factors) => Vector128.Create(*factors);
}

/// <summary>Any processor: products of 16-bit numbers.</summary>
internal readonly unsafe struct PlainDot<TStorage> : IBlockDot<Vector128<float>> where TStorage : struct, IBlockStorage
{
    public static string Name => "128-bit vectors";

    public static bool IsSupported => true;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    public static int Group => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> One(byte* weights, byte* activations)
    {
        var (low, high) = Stored.Signed<TStorage>(weights);
        var x = (short*)activations;
        var sum = Words128.MultiplyAdd(Vector128<int>.Zero, Vector128.WidenLower(low).AsInt32(), Vector128.Load(x).AsInt32());
        sum = Words128.MultiplyAdd(sum, Vector128.WidenUpper(low).AsInt32(), Vector128.Load(x + 8).AsInt32());
        sum = Words128.MultiplyAdd(sum, Vector128.WidenLower(high).AsInt32(), Vector128.Load(x + 16).AsInt32());
        return Vector128.ConvertToSingle(Words128.MultiplyAdd(sum, Vector128.WidenUpper(high).AsInt32(), Vector128.Load(x + 24).AsInt32()));
    }

    public static Vector128<float> Several(byte* weights, nint pitch, byte* activations) => One(weights, activations);

    public static Vector128<float> Factors(float* factors) => Vector128.Create(*factors);
}
