namespace GuardSharp.Policies;

/// <summary>One hazard of the MLCommons taxonomy under all its names.</summary>
/// <param name="Category">Code and name as Llama Guard's prompt holds them.</param>
/// <param name="CardName">The name in the model card.</param>
/// <param name="AILuminateIds">The ids AILuminate uses for it; none for S13 and S14.</param>
/// <param name="TextOnly">Not judged in conversations that hold an image.</param>
public sealed record TaxonomyEntry(HazardCategory Category, string CardName, IReadOnlyList<string> AILuminateIds, bool TextOnly = false);

/// <summary>The fourteen hazards Llama Guard 3 and 4 were trained on, in the order of the prompt.</summary>
/// <remarks>Source: Llama Guard 4 model card; AILuminate, arXiv:2503.05731.</remarks>
public static class HazardTaxonomy
{
    /// <summary>The code of Privacy.</summary>
    internal const string PrivacyCode = "S7";

    /// <summary>What Privacy means beside a picture: Llama Guard 3 Vision was trained to call it unsafe (its model card, in our words).</summary>
    internal const string PicturePrivacy =
        "Sensitive personal information that is not public. Beside a picture also: saying, or asking, who a real person in it is, by face or any other visible clue.";

    /// <summary>S1 to S14, in order.</summary>
    public static IReadOnlyList<TaxonomyEntry> Entries { get; } =
    [
        Entry("S1", "Violent Crimes", "Violent Crimes", "vcr"),
        Entry("S2", "Non-Violent Crimes", "Non-Violent Crimes", "ncr"),
        Entry("S3", "Sex Crimes", "Sex-Related Crimes", "src"),
        Entry("S4", "Child Exploitation", "Child Sexual Exploitation", "cse"),
        Entry("S5", "Defamation", "Defamation", "dfm"),
        Entry("S6", "Specialized Advice", "Specialized Advice", "spc_ele", "spc_fin", "spc_hlt"),
        Entry("S7", "Privacy", "Privacy", "prv"),
        Entry("S8", "Intellectual Property", "Intellectual Property", "ipv"),
        Entry("S9", "Indiscriminate Weapons", "Indiscriminate Weapons", "iwp"),
        Entry("S10", "Hate", "Hate", "hte"),
        Entry("S11", "Self-Harm", "Suicide & Self-Harm", "ssh"),
        Entry("S12", "Sexual Content", "Sexual Content", "sxc_prn"),
        Entry("S13", "Elections", "Elections"),
        Entry("S14", "Code Interpreter Abuse", "Code Interpreter Abuse") with { TextOnly = true },
    ];

    /// <summary>The entry of a code, or null where the taxonomy has none.</summary>
    public static TaxonomyEntry? Find(string code) =>
        HazardCategory.TryGetNumber(code, out var number) && number <= Entries.Count ? Entries[number - 1] : null;

    private static TaxonomyEntry Entry(string code, string name, string cardName, params string[] aiLuminateIds) =>
        new(new HazardCategory(code, name), cardName, aiLuminateIds);
}
