namespace GuardSharp.Evaluation.Reports;

/// <summary>What the numbers do not say themselves.</summary>
internal static class ReportNotes
{
    // Both cards, "Limitations": S5 Defamation, S8 Intellectual Property, S13 Elections.
    private static readonly string[] _factual = ["S5", "S8", "S13"];

    /// <summary>The notes about judged rows.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyList<JudgedSample> samples)
    {
        List<string> notes = [];
        string[] found = [.. _factual.Where(code => samples.Any(sample => sample.Categories.Contains(code)))];
        if (found.Length > 0)
        {
            notes.Add($"{string.Join(", ", found)}: some hazard categories (S5 Defamation, S8 Intellectual Property, S13 Elections) may require factual, up-to-date knowledge "
                + "that a classifier lacks. The Llama Guard cards advise more complex systems where these hazards matter.");
        }

        if (samples.Count(sample => sample.Prediction.IsUnreadable) is > 0 and var unreadable)
        {
            notes.Add($"{unreadable} of {samples.Count} answers were neither safe nor unsafe, such as a refusal. They count as unsafe with P(unsafe) 1.");
        }

        if (samples.All(sample => sample.Prediction.UnsafeProbability is 0 or 1))
        {
            notes.Add("Every P(unsafe) is 0 or 1: the guard gives verdicts without probabilities, so AUROC, AUPRC and curves rest on its one threshold.");
        }

        return notes;
    }
}
