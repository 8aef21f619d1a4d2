using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using GuardSharp.Extensions.AI;
using GuardSharp.Policies;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.AI;

namespace GuardSharp.Server.Chat;

/// <summary>A chat completion, or a chunk of one, as clients of OpenAI read it; <c>guard</c> is ours.</summary>
internal sealed record ChatBody(string Id, string Object, long Created, string? Model, IReadOnlyList<ChatChoice> Choices, ChatUsage? Usage = null, ChatGuardBody? Guard = null)
{
    /// <summary>How chat completions are written.</summary>
    public static JsonSerializerOptions Json { get; } = CreateJson();

    private static JsonSerializerOptions CreateJson()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        };
        options.MakeReadOnly();
        return options;
    }
}

/// <summary>The one choice of an answer: whole in <c>message</c>, in pieces in <c>delta</c>.</summary>
internal sealed record ChatChoice(
    int Index,
    ChatMessageBody? Message,
    ChatMessageBody? Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

/// <summary>What the assistant says.</summary>
internal sealed record ChatMessageBody(string? Role, string? Content, string? Refusal = null, IReadOnlyList<ChatCallBody>? ToolCalls = null);

/// <summary>A call of a tool.</summary>
internal sealed record ChatCallBody(int? Index, string Id, string Type, ChatFunctionBody Function);

/// <summary>The function that is called.</summary>
internal sealed record ChatFunctionBody(string Name, string Arguments);

/// <summary>Tokens of the upstream model.</summary>
internal sealed record ChatUsage(long PromptTokens, long CompletionTokens, long TotalTokens)
{
    /// <summary>What the upstream said; null: it said nothing.</summary>
    public static ChatUsage? Of(UsageDetails? usage) => usage is null
        ? null
        : new ChatUsage(usage.InputTokenCount ?? 0, usage.OutputTokenCount ?? 0, usage.TotalTokenCount ?? (usage.InputTokenCount ?? 0) + (usage.OutputTokenCount ?? 0));
}

/// <summary>What the guard says about an answer.</summary>
/// <param name="Blocked">Whether the answer is a refusal of the guard's, or ends in one.</param>
/// <param name="Stage">input or output, where something was blocked.</param>
/// <param name="Reason">Why it was blocked.</param>
/// <param name="FailedOpen">True where something passed unjudged, because configuration says so.</param>
/// <param name="DecisionId">The id in the record of the latest decision.</param>
/// <param name="Unsafe">The verdict.</param>
/// <param name="UnsafeProbability">P(unsafe).</param>
/// <param name="Threshold">What it was held against.</param>
/// <param name="Categories">Codes of the violated categories.</param>
/// <param name="Model">Who judged.</param>
/// <param name="PolicyVersion">By which policy.</param>
internal sealed record ChatGuardBody(
    bool Blocked,
    string? Stage,
    string? Reason,
    bool? FailedOpen,
    string? DecisionId,
    bool? Unsafe,
    double? UnsafeProbability,
    double? Threshold,
    IReadOnlyList<string>? Categories,
    string? Model,
    string? PolicyVersion)
{
    /// <summary>What stands in the properties of a response or an update; null: nothing.</summary>
    public static ChatGuardBody? Of(AdditionalPropertiesDictionary? properties, Judgement? judgement)
    {
        var verdict = properties?.GetValueOrDefault(GuardProperties.Verdict) as Verdict;
        var reason = properties?.GetValueOrDefault(GuardProperties.Blocked) as string;
        var failed = properties?.GetValueOrDefault(GuardProperties.FailedOpen) is true;
        return verdict is null && reason is null && !failed ? null : new ChatGuardBody(
            reason is not null,
            properties?.GetValueOrDefault(GuardProperties.Stage) as string,
            reason,
            failed ? true : null,
            judgement is not null && ReferenceEquals(judgement.Verdict, verdict) ? judgement.Id : null,
            verdict?.Unsafe,
            verdict?.UnsafeProbability,
            verdict?.Threshold,
            verdict?.Categories,
            verdict?.Model,
            verdict?.PolicyVersion);
    }
}
