using System.Text.Json;
using System.Text.Json.Serialization;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Chat;

/// <summary>What a guarded chat takes, for its description alone: a chat completion's request, whose other keys (temperature, tools and so on) go on to the upstream model.</summary>
internal sealed record ChatRequestBody
{
    /// <summary>The upstream model; none: the configured one.</summary>
    public string? Model { get; init; }

    /// <summary>The conversation.</summary>
    public required IReadOnlyList<MessageBody> Messages { get; init; }

    /// <summary>Whether the answer is streamed, in pieces that are judged.</summary>
    public bool Stream { get; init; }

    /// <summary>Functions that the model may call.</summary>
    public IReadOnlyList<JsonElement>? Tools { get; init; }

    /// <summary>Tokens that the answer may have.</summary>
    [JsonPropertyName("max_completion_tokens")]
    public int? MaxCompletionTokens { get; init; }
}
