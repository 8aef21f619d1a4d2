using System.Globalization;
using GuardSharp.Models.Verification;

namespace GuardSharp.CommandLine;

/// <summary>What the verify commands of both executables share: the tolerance and the list of differences.</summary>
internal static class Verification
{
    // Float32 sums in another order, on tiny models with logits of size 2 (tests/golden/README.md, "Tolerances").
    private const float DefaultTolerance = 1e-4f;

    /// <summary>The tolerance that was named, or the default.</summary>
    /// <exception cref="GuardException">The text is no number above 0.</exception>
    public static float ReadTolerance(string? text) =>
        text is null ? DefaultTolerance
        : float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value > 0 && float.IsFinite(value) ? value
        : throw new GuardException($"--tolerance is \"{text}\"; it must be a number above 0, such as 1e-4.");

    /// <summary>Prints a line for each tensor and a summary.</summary>
    /// <returns>0 when every tensor is within the tolerance, 1 otherwise.</returns>
    public static int Print(TextWriter output, IReadOnlyList<Comparison> comparisons, float tolerance)
    {
        if (comparisons.Count == 0)
        {
            throw new GuardException("The case recorded no tensor, so nothing was verified. Is it a file of golden cases?");
        }

        var width = comparisons.Max(comparison => comparison.Name.Length);
        foreach (var comparison in comparisons)
        {
            var difference = comparison switch
            {
                { Difference: null } => "not computed",
                { Exact: true } => comparison.Difference == 0 ? "equal" : "differs",
                _ => comparison.Difference.Value.ToString("0.00E+0", CultureInfo.InvariantCulture),
            };
            output.WriteLine($"{(comparison.Within(tolerance) ? "ok  " : "FAIL")}  {comparison.Name.PadRight(width)}  {difference}");
        }

        var failed = comparisons.Count(comparison => !comparison.Within(tolerance));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{comparisons.Count - failed} of {comparisons.Count} tensors within {tolerance:0.##E+0}"));
        return failed == 0 ? ExitCode.Done : ExitCode.Unsafe;
    }
}
