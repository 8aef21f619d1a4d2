using System.Globalization;
using GuardSharp.Policies;

namespace GuardSharp.CommandLine;

/// <summary>A verdict as plain lines, for files and pipes.</summary>
internal static class VerdictText
{
    /// <summary>Writes <c>unsafe 0.9312</c> and a line for each violated category, <c>S1 0.9000 Violent Crimes</c>.</summary>
    public static void Write(TextWriter output, Verdict verdict, Policy policy)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(verdict.Unsafe ? "unsafe" : "safe")} {verdict.UnsafeProbability:F4}"));
        foreach (var code in verdict.Categories)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{code} {verdict.CategoryProbabilities.GetValueOrDefault(code):F4} {NameOf(code, policy)}"));
        }

        foreach (var warning in verdict.Warnings)
        {
            output.WriteLine($"warning {warning}");
        }
    }

    /// <summary>What a person calls a category: the name in the policy, or the code where the policy has none.</summary>
    public static string NameOf(string code, Policy policy) => policy.Categories.FirstOrDefault(category => category.Code == code)?.Name ?? code;
}
