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
        var pairs = pitch == 16 ? Vector512.Load(weights) : Scattered(weights, pitch);
        var mask = Vector512.Create((byte)0xF);
        var low = Avx512BW.MultiplyAddAdjacent(pairs & mask, Vector512.Load((sbyte*)activations));
        var high = Avx512BW.MultiplyAddAdjacent(Vector512.ShiftRightLogical(pairs.AsUInt16(), 4).AsByte() & mask, Vector512.Load((sbyte*)activations + 64));
        return Avx512F.ConvertToVector512Single(Avx512BW.MultiplyAddAdjacent(low + high, Vector512.Create((short)1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Scattered(byte* weights, nint pitch)
    {
        if (Avx512Vbmi.IsSupported && pitch == ScatteredScales.Q4Pitch)
        {
            // The blocks are 70 bytes with the scales between them: they lie in the first 64 and the last 64.
            const int Later = (3 * ScatteredScales.Q4Pitch) + 16 - 64;
            return Avx512Vbmi.PermuteVar64x8x2(Vector512.Load(weights), Places, Vector512.Load(weights + Later));
        }

        // Insertions, for Create goes through memory.
        var later = Avx2.InsertVector128(Vector128.Load(weights + (2 * pitch)).ToVector256Unsafe(), Vector128.Load(weights + (3 * pitch)), 1);
        var first = Avx2.InsertVector128(Vector128.Load(weights).ToVector256Unsafe(), Vector128.Load(weights + pitch), 1);
        return Avx512F.InsertVector256(first.ToVector512Unsafe(), later, 1);
    }

    /// <summary>Where the bytes of four blocks lie in the first 64 (0 to 63) and the last 64 (64 to 127) of their 70.</summary>
    private static Vector512<byte> Places
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(
            (byte)0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,
            36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
            54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 122, 123, 124, 125, 126, 127);
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
