using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>AVX-VNNI, either type: unsigned times signed bytes, added up in 32 bits by one instruction.</summary>
/// <typeparam name="TStorage">How the weights are stored.</typeparam>
internal readonly unsafe struct Vnni256<TStorage> : IBlockPath<Vector256<int>, Vector256<float>>
    where TStorage : struct, IBlockStorage
{
    public static string Name => "avx-vnni";

    public static bool IsSupported => AvxVnni.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Whole, TStorage.Offset);

    public static WeightForm Weights => WeightForm.Unsigned;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(byte* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Spread(byte* word) => Vector256.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) =>
        AvxVnni.MultiplyWideningAndAdd(sum, weights.AsByte(), activations.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Finish(Vector256<int> sum) => Avx.ConvertToVector256Single(sum);
}

/// <summary>AVX2, 4-bit weights: see <see cref="Nibbles512"/>.</summary>
internal readonly unsafe struct Nibbles256 : IBlockPath<Vector256<int>, Vector256<float>>
{
    public static string Name => "avx2 (16-bit sums)";

    public static bool IsSupported => Avx2.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(4, BlockStart.Split, 8);

    public static WeightForm Weights => WeightForm.Unsigned;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(byte* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Spread(byte* word) => Vector256.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) =>
        (sum.AsInt16() + Avx2.MultiplyAddAdjacent(weights.AsByte(), activations.AsSByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Finish(Vector256<int> sum) =>
        Avx.ConvertToVector256Single(Avx2.MultiplyAddAdjacent(sum.AsInt16(), Vector256.Create((short)1)));
}

/// <summary>AVX2, 8-bit weights: 16-bit numbers, added up in 32 bits.</summary>
internal readonly unsafe struct Words256 : IBlockPath<Vector256<int>, Vector256<float>>
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported && Vector256.IsHardwareAccelerated;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    public static WeightForm Weights => WeightForm.Words;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(byte* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Spread(byte* word) => Vector256.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) =>
        sum + Avx2.MultiplyAddAdjacent(weights.AsInt16(), activations.AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Finish(Vector256<int> sum) => Avx.ConvertToVector256Single(sum);
}
