using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>AVX-512, 4-bit weights: four blocks at a time. Products of bytes, added up in 16 bits (at most 4 * 15 * 128), then in 32.</summary>
internal readonly unsafe struct NibbleDot512 : IBlockDot<Vector512<float>>
{
    public static string Name => "avx512";

    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Whole, 8);

    public static int Group => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> One(byte* weights, byte* activations)
    {
        var numbers = Avx512BW.ConvertToVector512Int16(Stored.Unsigned<FourBits>(weights));
        return Avx512F.ConvertToVector512Single(Avx512BW.MultiplyAddAdjacent(numbers, Avx512BW.ConvertToVector512Int16(Vector256.Load((sbyte*)activations))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Several(byte* weights, nint pitch, byte* activations)
    {
        var pairs = pitch == 16
            ? Vector512.Load(weights)
            : Vector512.Create(
                Vector256.Create(Vector128.Load(weights), Vector128.Load(weights + pitch)),
                Vector256.Create(Vector128.Load(weights + (2 * pitch)), Vector128.Load(weights + (3 * pitch))));
        var mask = Vector512.Create((byte)0xF);
        var low = Avx512BW.MultiplyAddAdjacent(pairs & mask, Vector512.Load((sbyte*)activations));
        var high = Avx512BW.MultiplyAddAdjacent(Vector512.ShiftRightLogical(pairs.AsUInt16(), 4).AsByte() & mask, Vector512.Load((sbyte*)activations + 64));
        return Avx512F.ConvertToVector512Single(Avx512BW.MultiplyAddAdjacent(low + high, Vector512.Create((short)1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Factors(float* factors) =>
        Avx512F.PermuteVar16x32(Vector128.Load(factors).ToVector256Unsafe().ToVector512Unsafe(), Vector512.Create(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
}

/// <summary>AVX2, 4-bit weights: two blocks at a time, otherwise as <see cref="NibbleDot512"/>.</summary>
internal readonly unsafe struct NibbleDot256 : IBlockDot<Vector256<float>>
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Whole, 8);

    public static int Group => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> One(byte* weights, byte* activations) =>
        Finish(Avx2.MultiplyAddAdjacent(Stored.Unsigned<FourBits>(weights), Vector256.Load((sbyte*)activations)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Several(byte* weights, nint pitch, byte* activations)
    {
        var pairs = pitch == 16 ? Vector256.Load(weights) : Vector256.Create(Vector128.Load(weights), Vector128.Load(weights + pitch));
        var mask = Vector256.Create((byte)0xF);
        var low = Avx2.MultiplyAddAdjacent(pairs & mask, Vector256.Load((sbyte*)activations));
        return Finish(low + Avx2.MultiplyAddAdjacent(Vector256.ShiftRightLogical(pairs.AsUInt16(), 4).AsByte() & mask, Vector256.Load((sbyte*)activations + 32)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Factors(float* factors) =>
        Avx2.PermuteVar8x32(Vector128.CreateScalarUnsafe(*(double*)factors).AsSingle().ToVector256Unsafe(), Vector256.Create(0, 0, 0, 0, 1, 1, 1, 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Finish(Vector256<short> pairs) => Avx.ConvertToVector256Single(Avx2.MultiplyAddAdjacent(pairs, Vector256.Create((short)1)));
}
