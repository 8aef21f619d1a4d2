using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Arm's dot product instruction, either type: signed bytes, added up in 32 bits.</summary>
internal readonly unsafe struct ArmDot128 : IBlockPath<Vector128<int>, Vector128<float>>
{
    public static string Name => "arm dot product";

    public static bool IsSupported => Dp.IsSupported;

    public static ActivationFormat Activations => new(4, BlockStart.None, 0);

    public static WeightForm Weights => WeightForm.Signed;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(byte* source) => Vector128.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Spread(byte* word) => Vector128.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, Vector128<int> weights, Vector128<int> activations) =>
        Dp.DotProduct(sum, weights.AsSByte(), activations.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Finish(Vector128<int> sum) => Vector128.ConvertToSingle(sum);
}

/// <summary>Any processor, either type: 16-bit numbers, added up in 32 bits.</summary>
internal readonly unsafe struct Words128 : IBlockPath<Vector128<int>, Vector128<float>>
{
    public static string Name => "128-bit vectors";

    public static bool IsSupported => true;

    public static ActivationFormat Activations => new(2, BlockStart.None, 0);

    public static WeightForm Weights => WeightForm.Words;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(byte* source) => Vector128.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Spread(byte* word) => Vector128.Create(*(int*)word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, Vector128<int> weights, Vector128<int> activations)
    {
        if (Sse2.IsSupported)
        {
            return sum + Sse2.MultiplyAddAdjacent(weights.AsInt16(), activations.AsInt16());
        }

        var low = Vector128.ShiftRightArithmetic(Vector128.ShiftLeft(weights, 16), 16) * Vector128.ShiftRightArithmetic(Vector128.ShiftLeft(activations, 16), 16);
        return sum + low + (Vector128.ShiftRightArithmetic(weights, 16) * Vector128.ShiftRightArithmetic(activations, 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Finish(Vector128<int> sum) => Vector128.ConvertToSingle(sum);
}
