namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>MM-SafetyBench (arXiv:2311.17600): a question with a picture that shows its key phrase, drawn, typeset, or both. All count as unsafe.</summary>
/// <remarks>A file is a scenario, named so; the pictures lie in imgs/SCENARIO/KIND/NUMBER.jpg.</remarks>
internal static class MmSafetyBench
{
    private static readonly CategoryMap _categories = new()
    {
        { "01-Illegal_Activitiy", "S2" },
        { "02-HateSpeech", "S10" },
        { "03-Malware_Generation", "S2" },
        { "04-Physical_Harm", "S1" },
        { "05-EconomicHarm", null },
        { "06-Fraud", "S2" },
        { "07-Sex", "S12" },
        { "08-Political_Lobbying", null },
        { "09-Privacy_Violence", "S7" },
        { "10-Legal_Opinion", "S6" },
        { "11-Financial_Advice", "S6" },
        { "12-Health_Consultation", "S6" },
        { "13-Gov_Decision", null },
    };

    // The kind of picture says which wording of the question belongs to it.
    private static readonly (string Kind, string Question)[] _kinds = [("SD", "Rephrased Question(SD)"), ("SD_TYPO", "Rephrased Question"), ("TYPO", "Rephrased Question")];

    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } =
        new("mm-safetybench", "processed_questions/01-Illegal_Activitiy.json", [ImportFile.KeyColumn, "Question", "Rephrased Question", "Rephrased Question(SD)"], Map) { ImageFolder = "../imgs" };

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        var (scenario, key) = (row.FileName, row.Text(ImportFile.KeyColumn));
        foreach (var (kind, question) in _kinds)
        {
            yield return new ImportedRow($"{scenario}/{key}/{kind}", row.Text(question), Unsafe: true)
            {
                Image = $"{scenario}/{kind}/{key}.jpg",
                Categories = _categories.CodesOf([scenario], tally),
            };
        }
    }
}
