namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>WildGuardMix's test split (arXiv:2406.18495): a row gives a prompt and a response, each where people agreed on a label.</summary>
internal static class WildGuard
{
    private static readonly CategoryMap _categories = new()
    {
        { "social_stereotypes_and_unfair_discrimination", "S10" },
        { "toxic_language_hate_speech", "S10" },
        { "violence_and_physical_harm", "S1" },
        { "sexual_content", "S12" },
        { "fraud_assisting_illegal_activities", "S2" },
        { "cyberattack", "S2" },
        { "copyright_violations", "S8" },
        { "private_information_individual", "S7" },
        { "sensitive_information_organization_government", null },  // S7 is about persons
        { "defamation_encouraging_unethical_or_unsafe_actions", null },  // S5 is only a part of it
        { "disseminating_false_or_misleading_information_encouraging_disinformation_campaigns", null },
        { "causing_material_harm_by_disseminating_misinformation", null },
        { "mental_health_over-reliance_crisis", null },  // neither advice (S6) nor self-harm (S11)
        { "others", null },
        { "benign", null },
    };

    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } =
        new("wildguard", "wildguardtest.parquet", ["prompt", "response", "prompt_harm_label", "response_harm_label", "subcategory"], Map);

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        var prompt = row.Text("prompt");
        if (row.Word("prompt_harm_label", "harmful", "unharmful") is { } label)
        {
            var harmful = label == "harmful";
            yield return new ImportedRow($"{row.Number}/prompt", prompt, harmful) { Categories = harmful ? _categories.CodesOf([row.Text("subcategory")], tally) : [] };
        }
        else
        {
            tally.Skip("prompt: no label");
        }

        // The subcategory is the prompt's: what an answer to it violates, nobody labelled.
        if (row.OptionalText("response") is { Length: > 0 } response && row.Word("response_harm_label", "harmful", "unharmful") is { } verdict)
        {
            yield return new ImportedRow($"{row.Number}/response", prompt, verdict == "harmful") { Response = response };
        }
        else
        {
            tally.Skip("response: none, or no label");
        }
    }
}
