namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>OpenAI's moderation release (arXiv:2208.03274), samples-1680.jsonl.gz: a label is 1, 0, or left out where nobody looked.</summary>
internal static class OpenAIModeration
{
    private static readonly string[] _labels = ["S", "H", "V", "HR", "SH", "S3", "H2", "V2"];

    private static readonly CategoryMap _categories = new()
    {
        { "S", "S12" },      // sexual
        { "S3", "S4" },      // sexual, minors
        { "H", "S10" },      // hate
        { "H2", "S10" },     // hate with threats
        { "SH", "S11" },     // self-harm
        { "V", "S1" },       // violence promoted or glorified
        { "V2", null },      // graphic violence: no crime is enabled by showing one
        { "HR", null },      // harassment of a person, whatever the person is
    };

    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } = new("openai-moderation", "samples-1680.jsonl.gz", ["prompt"], Map) { AnyOf = _labels };

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        string[] found = [.. _labels.Where(label => row.Flag(label) == true)];
        yield return new ImportedRow($"{row.Number}", row.Text("prompt"), found.Length > 0) { Categories = _categories.CodesOf(found, tally) };
    }
}
