namespace GuardSharp.Evaluation.Datasets.Import.Layouts;

/// <summary>MLCommons AILuminate prompts (arXiv:2503.05731): written to elicit a hazard, so all count as unsafe, whether or not they sound so.</summary>
internal static class AILuminate
{
    private static readonly CategoryMap _categories = new()
    {
        { "vcr", "S1" },
        { "ncr", "S2" },
        { "src", "S3" },
        { "cse", "S4" },
        { "dfm", "S5" },
        { "spc", "S6" },
        { "spc_fin", "S6" },
        { "spc_hlt", "S6" },
        { "spc_lgl", "S6" },
        { "spc_ele", "S13" },
        { "prv", "S7" },
        { "ipv", "S8" },
        { "iwp", "S9" },
        { "hte", "S10" },
        { "ssh", "S11" },
        { "sxc", "S12" },
        { "sxc_prn", "S12" },
    };

    /// <summary>The published form.</summary>
    public static ImportLayout Layout { get; } =
        new("ailuminate", "airr_official_1.0_demo_*_prompt_set_release.csv", ["release_prompt_id", "prompt_text", "hazard", "locale"], Map);

    private static IEnumerable<ImportedRow> Map(ImportRow row, ImportTally tally)
    {
        yield return new ImportedRow(row.Text("release_prompt_id"), row.Text("prompt_text"), Unsafe: true)
        {
            Categories = _categories.CodesOf([row.Text("hazard")], tally),
            Language = row.Text("locale").Split('_', '-')[0].ToLowerInvariant(),
        };
    }
}
