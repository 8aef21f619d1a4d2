namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>HarmBench's behaviours (arXiv:2402.04249), all unsafe: texts, some with a context before them, and texts about a picture.</summary>
internal static class HarmBench
{
    private static readonly CategoryMap _categories = new()
    {
        { "chemical_biological", "S9" },
        { "cybercrime_intrusion", "S2" },
        { "copyright", "S8" },
        { "harassment_bullying", null },
        { "harmful", null },
        { "illegal", null },                        // violent and non-violent crimes alike
        { "misinformation_disinformation", null },  // elections are only a part of it
    };

    /// <summary>Both published forms.</summary>
    public static IReadOnlyList<ImportLayout> Layouts { get; } =
    [
        new ImportLayout("harmbench", "harmbench_behaviors_multimodal_all.csv", ["Behavior", "SemanticCategory", "BehaviorID", "ImageFileName"], Map),
        new ImportLayout("harmbench", "harmbench_behaviors_text_all.csv", ["Behavior", "SemanticCategory", "BehaviorID"], Map),
    ];

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        var behaviour = row.Text("Behavior");
        yield return new ImportedRow(row.Text("BehaviorID"), row.OptionalText("ContextString") is { Length: > 0 } context ? $"{context}\n\n---\n\n{behaviour}" : behaviour, Unsafe: true)
        {
            Image = row.OptionalText("ImageFileName"),
            Categories = _categories.CodesOf([row.Text("SemanticCategory")], tally),
        };
    }
}
