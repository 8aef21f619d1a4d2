using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>AVX-512, 4-bit weights: unsigned times signed bytes, added up in 16 bits.</summary>
/// <remarks>A lane's half adds 16 products of at most 15 * 128: 30,720, which 16 bits hold. The start may wrap around on the way; the end fits.</remarks>
internal readonly unsafe struct Nibbles512 : IBlockPath<Vector512<int>, Vector512<float>>
{
    public static string Name => "avx512 (16-bit sums)";

    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Split, 8);

    public static WeightForm Weights => WeightForm.Unsigned;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(byte* source) => Vector512.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Spread(byte* word) => Vector512.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyAdd(Vector512<int> sum, Vector512<int> weights, Vector512<int> activations) =>
        (sum.AsInt16() + Avx512BW.MultiplyAddAdjacent(weights.AsByte(), activations.AsSByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Finish(Vector512<int> sum) =>
        Avx512F.ConvertToVector512Single(Avx512BW.MultiplyAddAdjacent(sum.AsInt16(), Vector512.Create((short)1)));
}

/// <summary>AVX-512, 8-bit weights: 16-bit numbers, added up in 32 bits.</summary>
internal readonly unsafe struct Words512 : IBlockPath<Vector512<int>, Vector512<float>>
{
    public static string Name => "avx512";

    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    public static WeightForm Weights => WeightForm.Words;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(byte* source) => Vector512.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Spread(byte* word) => Vector512.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyAdd(Vector512<int> sum, Vector512<int> weights, Vector512<int> activations) =>
        sum + Avx512BW.MultiplyAddAdjacent(weights.AsInt16(), activations.AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Finish(Vector512<int> sum) => Avx512F.ConvertToVector512Single(sum);
}
