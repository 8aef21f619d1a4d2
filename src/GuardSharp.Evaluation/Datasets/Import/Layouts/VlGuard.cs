using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>VLGuard (arXiv:2402.02207): an unsafe picture with one instruction, or a safe one with a safe and an unsafe instruction.</summary>
internal static class VlGuard
{
    private static readonly CategoryMap _categories = new()
    {
        { "personal data", "S7" },
        { "professional advice", "S6" },
        { "sexually explicit", "S12" },
        { "violence", "S1" },
        { "discrimination by sex", "S10" },
        { "discrimination by race", "S10" },
        { "sex", "S10" },      // below "discrimination"
        { "race", "S10" },
        { "other", "S10" },
        { "political", null },
        { "disinformation", null },
    };

    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } = new("vlguard", "test.json", ["id", "image", "safe", "instr-resp"], Map) { ImageFolder = "test" };

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        var safePicture = row.Flag("safe") ?? throw new SampleFileException($"{row.Place}: \"safe\" is empty.");
        var pairs = row.Find("instr-resp") as JsonArray ?? throw new SampleFileException($"{row.Place}: \"instr-resp\" must be a list of instructions with responses.");
        var (id, image) = (row.Text("id"), row.Text("image"));
        var number = 0;
        foreach (var pair in pairs.OfType<JsonObject>())
        {
            foreach (var (kind, isUnsafe) in safePicture ? (IReadOnlyList<(string, bool)>)[("safe_instruction", false), ("unsafe_instruction", true)] : [("instruction", true)])
            {
                if (pair[kind]?.GetValue<string>() is { Length: > 0 } text)
                {
                    number++;
                    yield return new ImportedRow($"{id}/{number}", text, isUnsafe)
                    {
                        Image = image,
                        Categories = isUnsafe && !safePicture && row.OptionalText("harmful_subcategory") is { Length: > 0 } harm ? _categories.CodesOf([harm], tally) : [],
                    };
                }
            }
        }

        if (number == 0)
        {
            tally.Skip("no instruction");
        }
    }
}
