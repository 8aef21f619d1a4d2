using System.Runtime.Intrinsics;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The inner loops that a backend uses: those of the widest vectors that the processor offers and that compute right.</summary>
/// <param name="Kernels">The inner loops.</param>
/// <param name="Failures">Wider ones that computed something else than the plainest loops.</param>
internal sealed record KernelChoice(Kernels Kernels, IReadOnlyList<string> Failures)
{
    /// <summary>Chooses and checks. Most of the time goes into compiling what is checked, about 20 ms.</summary>
    /// <exception cref="GuardException">Not even the narrowest compute right.</exception>
    public static KernelChoice ForThisMachine() => FirstOf(Candidates(), new KernelCheck().Passes);

    /// <summary>The first of the candidates that passes.</summary>
    internal static KernelChoice FirstOf(IEnumerable<Kernels> candidates, Func<Kernels, bool> passes)
    {
        var failures = new List<string>();
        foreach (var kernels in candidates)
        {
            if (passes(kernels))
            {
                return new KernelChoice(kernels, failures);
            }

            failures.Add($"float32 with vectors of {kernels.Lanes}");
        }

        throw new GuardException($"None of the kernels computes right on this machine ({string.Join(", ", failures)}). Its processor or memory is damaged.");
    }

    private static IEnumerable<Kernels> Candidates()
    {
        if (Vector512.IsHardwareAccelerated)
        {
            yield return new Kernels<Simd512, Vector512<float>>();
        }

        if (Vector256.IsHardwareAccelerated)
        {
            yield return new Kernels<Simd256, Vector256<float>>();
        }

        yield return new Kernels<Simd128, Vector128<float>>();
    }
}
