using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>BeaverTails (arXiv:2307.04657): answers with fourteen harms; is_safe is the verdict about the answer.</summary>
internal static class BeaverTails
{
    private static readonly CategoryMap _categories = new()
    {
        { "animal_abuse", "S1" },               // S1 names violence toward animals
        { "child_abuse", null },                // S1 (violence) or S4 (sexual): the label does not say which
        { "controversial_topics,politics", null },
        { "discrimination,stereotype,injustice", "S10" },
        { "drug_abuse,weapons,banned_substance", "S2" },
        { "financial_crime,property_crime,theft", "S2" },
        { "hate_speech,offensive_language", "S10" },
        { "misinformation_regarding_ethics,laws_and_safety", null },
        { "non_violent_unethical_behavior", null },
        { "privacy_violation", "S7" },
        { "self_harm", "S11" },
        { "sexually_explicit,adult_content", "S12" },
        { "terrorism,organized_crime", "S1" },
        { "violence,aiding_and_abetting,incitement", "S1" },
    };

    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } = new("beavertails", "30k_test.jsonl.gz", ["prompt", "response", "category", "is_safe"], Map);

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        if (row.Flag("is_safe") is not { } safe)
        {
            tally.Skip("no label");
            yield break;
        }

        if (row.OptionalText("response") is not { Length: > 0 } response)
        {
            tally.Skip("empty response");
            yield break;
        }

        var harms = row.Find("category") as JsonObject ?? throw new SampleFileException($"{row.Place}: \"category\" must be an object of fourteen harms, each true or false.");
        yield return new ImportedRow($"{row.Number}", row.Text("prompt"), !safe)
        {
            Response = response,
            Categories = safe ? [] : _categories.CodesOf(harms.Where(harm => harm.Value?.GetValueKind() == System.Text.Json.JsonValueKind.True).Select(harm => harm.Key), tally),
        };
    }
}
