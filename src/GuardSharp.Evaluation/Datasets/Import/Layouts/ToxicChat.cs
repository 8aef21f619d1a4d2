namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>ToxicChat (arXiv:2310.17389): users' prompts with one label, toxicity. Its label of jailbreaking is not about hazard and is left.</summary>
internal static class ToxicChat
{
    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } = new("toxicchat", "toxic-chat_annotation_test.csv", ["conv_id", "user_input", "toxicity"], Map);

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        if (row.Flag("toxicity") is not { } toxic)
        {
            tally.Skip("no label");
            yield break;
        }

        yield return new ImportedRow(row.Text("conv_id"), row.Text("user_input"), toxic);
    }
}
