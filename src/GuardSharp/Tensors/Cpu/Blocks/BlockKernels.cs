using System.Runtime.Intrinsics;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>What multiplies quantised weights of one type here: the fastest instructions that this processor (and the runtime's settings) offer and that compute right.</summary>
internal sealed class BlockKernels
{
    private BlockKernels(BlockTileKernel tile, BlockDotKernel dot, IReadOnlyList<string> failures) => (Tile, Dot, Failures) = (tile, dot, failures);

    /// <summary>For many rows.</summary>
    public BlockTileKernel Tile { get; }

    /// <summary>For few rows.</summary>
    public BlockDotKernel Dot { get; }

    /// <summary>Names of faster kernels that the processor claims to have and that computed something else than the scalar product.</summary>
    public IReadOnlyList<string> Failures { get; }

    /// <summary>The first of the candidates that pass their check.</summary>
    /// <param name="kernels">Float kernels, for the conversion of scales.</param>
    /// <param name="type">The weights' type.</param>
    public static BlockKernels ForThisMachine(Kernels kernels, BlockType type)
    {
        var failures = new List<string>();
        var check = new BlockCheck(kernels, type);
        var tile = First(TilesOf(type), check.Passes, kernel => $"{type} tile {kernel.Name}", failures);
        var dot = First(DotsOf(type), check.Passes, kernel => $"{type} dot {kernel.Name}", failures);
        return new BlockKernels(tile, dot, failures);
    }

    /// <summary>Tile kernels that can run here, the fastest first (docs/performance.md); the last runs everywhere.</summary>
    public static IEnumerable<BlockTileKernel> TilesOf(BlockType type)
    {
        if (Words512.IsSupported)
        {
            yield return type == BlockType.Int4
                ? new BlockTileKernel<Nibbles512, Vector512<int>, Simd512, Vector512<float>>()
                : new BlockTileKernel<Words512, Vector512<int>, Simd512, Vector512<float>>();
        }

        if (Vnni256<FourBits>.IsSupported)
        {
            yield return type == BlockType.Int4
                ? new BlockTileKernel<Vnni256<FourBits>, Vector256<int>, Simd256, Vector256<float>>()
                : new BlockTileKernel<Vnni256<EightBits>, Vector256<int>, Simd256, Vector256<float>>();
        }

        if (Words256.IsSupported)
        {
            yield return type == BlockType.Int4
                ? new BlockTileKernel<Nibbles256, Vector256<int>, Simd256, Vector256<float>>()
                : new BlockTileKernel<Words256, Vector256<int>, Simd256, Vector256<float>>();
        }

        if (ArmDot128.IsSupported)
        {
            yield return new BlockTileKernel<ArmDot128, Vector128<int>, Simd128, Vector128<float>>();
        }

        yield return new BlockTileKernel<Words128, Vector128<int>, Simd128, Vector128<float>>();
    }

    /// <summary>Dot kernels that can run here, the fastest first; the last runs everywhere.</summary>
    public static IEnumerable<BlockDotKernel> DotsOf(BlockType type)
    {
        if (WordDot512.IsSupported)
        {
            yield return type == BlockType.Int4
                ? new BlockDotKernel<NibbleDot512, Simd512, Vector512<float>>()
                : new BlockDotKernel<WordDot512, Simd512, Vector512<float>>();
        }

        if (VnniDot.IsSupported && type == BlockType.Int8)
        {
            yield return new BlockDotKernel<VnniDot, Simd256, Vector256<float>>();
        }

        if (WordDot256.IsSupported)
        {
            yield return type == BlockType.Int4
                ? new BlockDotKernel<NibbleDot256, Simd256, Vector256<float>>()
                : new BlockDotKernel<WordDot256, Simd256, Vector256<float>>();
        }

        if (ArmDot<FourBits>.IsSupported)
        {
            yield return type == BlockType.Int4
                ? new BlockDotKernel<ArmDot<FourBits>, Simd128, Vector128<float>>()
                : new BlockDotKernel<ArmDot<EightBits>, Simd128, Vector128<float>>();
        }

        yield return type == BlockType.Int4
            ? new BlockDotKernel<PlainDot<FourBits>, Simd128, Vector128<float>>()
            : new BlockDotKernel<PlainDot<EightBits>, Simd128, Vector128<float>>();
    }

    private static T First<T>(IEnumerable<T> candidates, Func<T, bool> passes, Func<T, string> name, List<string> failures)
    {
        T last = default!;
        foreach (var candidate in candidates)
        {
            last = candidate;
            if (passes(candidate))
            {
                return candidate;
            }

            failures.Add(name(candidate));
        }

        throw new GuardException($"None of the kernels for quantised weights computes right on this machine, the plainest ({name(last)}) included. Its processor or memory is damaged.");
    }
}
