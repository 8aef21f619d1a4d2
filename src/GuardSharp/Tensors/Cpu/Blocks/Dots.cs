using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>AVX-VNNI: unsigned weights times signed activations.</summary>
internal readonly unsafe struct VnniDot<TStorage> : IBlockDot<Vector256<float>> where TStorage : struct, IBlockStorage
{
    public static string Name => "avx-vnni";

    public static bool IsSupported => AvxVnni.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Whole, TStorage.Offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Products(byte* block, int* words) => Avx.ConvertToVector256Single(
        AvxVnni.MultiplyWideningAndAdd(Vector256.CreateScalar(*words), Stored.Unsigned<TStorage>(block), Vector256.Load((sbyte*)(words + 1))));
}

/// <summary>AVX2, 4-bit weights: products of bytes, added up in 16, then in 32 bits.</summary>
internal readonly unsafe struct Avx2NibbleDot : IBlockDot<Vector256<float>>
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Whole, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Products(byte* block, int* words)
    {
        var pairs = Avx2.MultiplyAddAdjacent(Stored.Unsigned<FourBits>(block), Vector256.Load((sbyte*)(words + 1)));
        return Avx.ConvertToVector256Single(Vector256.CreateScalar(*words) + Avx2.MultiplyAddAdjacent(pairs, Vector256.Create((short)1)));
    }
}

/// <summary>AVX2, 8-bit weights: products of 16-bit numbers.</summary>
internal readonly unsafe struct Avx2WordDot : IBlockDot<Vector256<float>>
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Products(byte* block, int* words)
    {
        var low = Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.Load((sbyte*)block)), Vector256.Load((short*)words));
        var high = Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.Load((sbyte*)block + 16)), Vector256.Load((short*)words + 16));
        return Avx.ConvertToVector256Single(low + high);
    }
}

/// <summary>Arm's dot product instruction.</summary>
internal readonly unsafe struct ArmDot<TStorage> : IBlockDot<Vector128<float>> where TStorage : struct, IBlockStorage
{
    public static string Name => "arm dot product";

    public static bool IsSupported => Dp.IsSupported;

    public static ActivationFormat Activations => new(4, BlockStart.None, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Products(byte* block, int* words)
    {
        var (low, high) = Stored.Signed<TStorage>(block);
        var sum = Dp.DotProduct(Vector128<int>.Zero, low, Vector128.Load((sbyte*)words));
        return Vector128.ConvertToSingle(Dp.DotProduct(sum, high, Vector128.Load((sbyte*)words + 16)));
    }
}

/// <summary>Any processor: products of 16-bit numbers.</summary>
internal readonly unsafe struct PlainDot<TStorage> : IBlockDot<Vector128<float>> where TStorage : struct, IBlockStorage
{
    public static string Name => "128-bit vectors";

    public static bool IsSupported => true;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Products(byte* block, int* words)
    {
        var (low, high) = Stored.Signed<TStorage>(block);
        var x = (short*)words;
        var sum = Words128.MultiplyAdd(Vector128<int>.Zero, Vector128.WidenLower(low).AsInt32(), Vector128.Load(x).AsInt32());
        sum = Words128.MultiplyAdd(sum, Vector128.WidenUpper(low).AsInt32(), Vector128.Load(x + 8).AsInt32());
        sum = Words128.MultiplyAdd(sum, Vector128.WidenLower(high).AsInt32(), Vector128.Load(x + 16).AsInt32());
        return Vector128.ConvertToSingle(Words128.MultiplyAdd(sum, Vector128.WidenUpper(high).AsInt32(), Vector128.Load(x + 24).AsInt32()));
    }
}
