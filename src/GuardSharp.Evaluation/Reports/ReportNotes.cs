namespace GuardSharp.Evaluation.Reports;

/// <summary>What the numbers do not say themselves.</summary>
internal static class ReportNotes
{
    // Both cards, "Limitations": S5 Defamation, S8 Intellectual Property, S13 Elections.
    private static readonly string[] _factual = ["S5", "S8", "S13"];

    /// <summary>The notes about judged rows.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyList<JudgedSample> samples)
    {
        string[] found = [.. _factual.Where(code => samples.Any(sample => sample.Categories.Contains(code)))];
        return found.Length == 0
            ? []
            : [$"{string.Join(", ", found)}: some hazard categories (S5 Defamation, S8 Intellectual Property, S13 Elections) may require factual, up-to-date knowledge "
                + "that a classifier lacks. The Llama Guard cards advise more complex systems where these hazards matter."];
    }
}
