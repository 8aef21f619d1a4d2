using GuardSharp.Policies;

namespace GuardSharp.Server.Endpoints;

/// <summary>The names that other services have for hazards, by our codes.</summary>
/// <remarks>None of it is official: whoever wants another reading writes it into <see cref="FormOptions"/>.</remarks>
internal static class CategoryTables
{
    /// <summary>The thirteen keys that OpenAI's clients expect to find, in OpenAI's order.</summary>
    public static readonly IReadOnlyList<string> OpenAIKeys =
    [
        "harassment", "harassment/threatening", "sexual", "hate", "hate/threatening", "illicit", "illicit/violent",
        "self-harm", "self-harm/intent", "self-harm/instructions", "sexual/minors", "violence", "violence/graphic",
    ];

    /// <summary>Mistral's keys: those of mistral-moderation-2411 and of 2603, which split one of them.</summary>
    public static readonly IReadOnlyList<string> MistralKeys =
    [
        "sexual", "hate_and_discrimination", "violence_and_threats", "dangerous_and_criminal_content", "dangerous", "criminal",
        "selfharm", "health", "financial", "law", "pii", "jailbreaking",
    ];

    /// <summary>OpenAI's keys by code.</summary>
    public static readonly IReadOnlyDictionary<string, string> OpenAI = new Dictionary<string, string>
    {
        ["S1"] = "violence, illicit/violent",
        ["S2"] = "illicit",
        ["S3"] = "sexual, illicit/violent",
        ["S4"] = "sexual/minors, sexual",
        ["S5"] = "harassment",
        ["S9"] = "illicit/violent, violence",
        ["S10"] = "hate",
        ["S11"] = "self-harm",
        ["S12"] = "sexual",
    };

    /// <summary>Mistral's keys by code. S6 does not tell health, money and law apart; nothing of ours is jailbreaking.</summary>
    public static readonly IReadOnlyDictionary<string, string> Mistral = new Dictionary<string, string>
    {
        ["S1"] = "violence_and_threats, dangerous_and_criminal_content, criminal",
        ["S2"] = "dangerous_and_criminal_content, criminal",
        ["S3"] = "sexual, dangerous_and_criminal_content, criminal",
        ["S4"] = "sexual, dangerous_and_criminal_content, criminal",
        ["S6"] = "health, financial, law",
        ["S7"] = "pii",
        ["S9"] = "violence_and_threats, dangerous_and_criminal_content, dangerous",
        ["S10"] = "hate_and_discrimination",
        ["S11"] = "selfharm",
        ["S12"] = "sexual",
        ["S14"] = "dangerous_and_criminal_content, dangerous",
    };

    /// <summary>The Llama API's names by code: those of the prompt with hyphens, such as <c>violent-crimes</c>.</summary>
    public static readonly IReadOnlyDictionary<string, string> LlamaApi =
        HazardTaxonomy.Entries.ToDictionary(entry => entry.Category.Code, entry => Slug(entry.Category.Name));

    /// <summary>A category's name in lower case with hyphens.</summary>
    public static string Slug(string name) => string.Join('-', name.ToLowerInvariant().Split([' ', '/', '.', ','], StringSplitOptions.RemoveEmptyEntries));

    /// <summary>A table with what configuration says about some of its codes.</summary>
    public static IReadOnlyDictionary<string, string> With(this IReadOnlyDictionary<string, string> table, IDictionary<string, string> configured) =>
        table.Where(entry => !configured.ContainsKey(entry.Key)).Concat(configured).ToDictionary();
}
