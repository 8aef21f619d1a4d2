using System.Text.Json.Serialization;

namespace GuardSharp.Server.Endpoints.LiteLlm;

/// <summary>The answer of LiteLLM's generic guardrail interface.</summary>
/// <param name="Action">BLOCKED or NONE.</param>
/// <param name="BlockedReason">Codes and names of what was found; null where nothing was.</param>
/// <param name="DecisionIds">Ours: the ids of the decisions in the audit record.</param>
internal sealed record GuardrailAnswer(
    string Action,
    [property: JsonPropertyName("blocked_reason")] string? BlockedReason,
    [property: JsonPropertyName("decision_ids")] IReadOnlyList<string> DecisionIds);
