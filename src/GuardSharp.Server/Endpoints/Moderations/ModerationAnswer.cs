using System.Text.Json.Serialization;

namespace GuardSharp.Server.Endpoints.Moderations;

/// <summary>The answer of <c>POST /v1/moderations</c> in OpenAI's form, and of Mistral's endpoints.</summary>
/// <param name="Id">The id of the first decision.</param>
/// <param name="Model">The model's real name.</param>
/// <param name="Results">One for each input.</param>
internal sealed record ModerationAnswer(string Id, string Model, IReadOnlyList<ModerationResult> Results);

/// <summary>One result.</summary>
internal sealed record ModerationResult
{
    /// <summary>Whether the verdict is unsafe. Never depends on how categories are named.</summary>
    public required bool Flagged { get; init; }

    /// <summary>Violated or not, by category.</summary>
    public required IReadOnlyDictionary<string, bool> Categories { get; init; }

    /// <summary>The probability of each category.</summary>
    [JsonPropertyName("category_scores")]
    public required IReadOnlyDictionary<string, double> CategoryScores { get; init; }

    /// <summary>What each score rests on.</summary>
    [JsonPropertyName("category_applied_input_types")]
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? CategoryAppliedInputTypes { get; init; }

    /// <summary>Ours: P(unsafe), which decides.</summary>
    [JsonPropertyName("unsafe_probability")]
    public required double UnsafeProbability { get; init; }

    /// <summary>Ours: the id of this decision in the audit record.</summary>
    [JsonPropertyName("decision_id")]
    public required string DecisionId { get; init; }

    /// <summary>Ours: what a reader must know to trust the numbers.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }
}

/// <summary>The answer of <c>POST /v1/moderations</c> in the Llama API's form.</summary>
/// <param name="Id">Ours: the id of the decision in the audit record.</param>
/// <param name="Model">The model's real name.</param>
/// <param name="Results">One.</param>
internal sealed record LlamaModerationAnswer(string Id, string Model, IReadOnlyList<LlamaModerationResult> Results);

/// <summary>The result of the Llama API's form.</summary>
/// <param name="Flagged">Whether the verdict is unsafe.</param>
/// <param name="FlaggedCategories">Names of the violated categories.</param>
internal sealed record LlamaModerationResult(bool Flagged, [property: JsonPropertyName("flagged_categories")] IReadOnlyList<string> FlaggedCategories);
