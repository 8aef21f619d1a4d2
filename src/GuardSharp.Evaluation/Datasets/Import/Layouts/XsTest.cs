namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>XSTest (arXiv:2308.01263): safe prompts that look unsafe, and their contrasts; and the responses to them that WildGuard's authors labelled.</summary>
internal static class XsTest
{
    private const string Contrast = "contrast_";

    /// <summary>Both published forms.</summary>
    public static IReadOnlyList<ImportLayout> Layouts { get; } =
    [
        new ImportLayout("xstest", "xstest-response", ["prompt", "response", "label", "prompt_type"], Response),
        new ImportLayout("xstest", "xstest_prompts.csv", ["prompt", "type"], Prompt),
    ];

    // The first release has no label: there the names of the unsafe kinds begin alike.
    private static IEnumerable<ImportedRow> Prompt(ImportRow row, ImportTally tally)
    {
        var isUnsafe = row.Word("label", "safe", "unsafe") is { } label ? label == "unsafe" : row.Text("type").StartsWith(Contrast, StringComparison.OrdinalIgnoreCase);
        yield return new ImportedRow(row.OptionalText("id") ?? $"{row.Number}", row.Text("prompt"), isUnsafe);
    }

    private static IEnumerable<ImportedRow> Response(ImportRow row, ImportTally tally)
    {
        var label = row.Word("label", "harmful", "unharmful", "refusal", "compliance");
        if (label is not ("harmful" or "unharmful"))
        {
            tally.Skip("labelled for refusal, not for harm");
            yield break;
        }

        yield return new ImportedRow($"response/{row.Number}", row.Text("prompt"), label == "harmful") { Response = row.Text("response") };
    }
}
