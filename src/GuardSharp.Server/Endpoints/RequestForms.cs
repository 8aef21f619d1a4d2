using System.Text.Json;
using System.Text.Json.Serialization;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Endpoints;

/// <summary>What <c>/v1/moderations</c> takes, for its description alone: one of input and messages.</summary>
internal sealed record ModerationRequest
{
    /// <summary>A model's name; none: the default.</summary>
    public string? Model { get; init; }

    /// <summary>A text, a list of texts, or a list of parts {"type":"text","text"} and {"type":"image_url","image_url":{"url":"data:..."}}.</summary>
    public JsonElement? Input { get; init; }

    /// <summary>A conversation, in the form of the Llama API.</summary>
    public IReadOnlyList<MessageBody>? Messages { get; init; }
}

/// <summary>What <c>/v1/chat/moderations</c> takes.</summary>
internal sealed record ChatModerationRequest
{
    /// <summary>A model's name; none: the default.</summary>
    public string? Model { get; init; }

    /// <summary>A conversation, or a list of conversations.</summary>
    public required JsonElement Input { get; init; }
}

/// <summary>What <c>/v1/chat/completions</c> takes of a chat completion's request.</summary>
internal sealed record ChatCompletionRequest
{
    /// <summary>A model's name; none: the default.</summary>
    public string? Model { get; init; }

    /// <summary>The conversation to be judged.</summary>
    public required IReadOnlyList<MessageBody> Messages { get; init; }

    /// <summary>Whether the answer comes as a stream, in one piece.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether the answer tells its tokens' probabilities.</summary>
    public bool Logprobs { get; init; }

    /// <summary>How many alternatives of each token it tells.</summary>
    [JsonPropertyName("top_logprobs")]
    public int? TopLogprobs { get; init; }
}

/// <summary>What <c>/v1/completions</c> takes of a completion's request.</summary>
internal sealed record CompletionRequest
{
    /// <summary>A model's name; none: the default.</summary>
    public string? Model { get; init; }

    /// <summary>A ready prompt, or a list of them.</summary>
    public required JsonElement Prompt { get; init; }

    /// <summary>Whether the answer comes as a stream, in one piece.</summary>
    public bool Stream { get; init; }
}

/// <summary>What LiteLLM sends to a guardrail.</summary>
internal sealed record GuardrailRequest
{
    /// <summary>Texts to be judged.</summary>
    public IReadOnlyList<string>? Texts { get; init; }

    /// <summary>Pictures, base64.</summary>
    public IReadOnlyList<string>? Images { get; init; }

    /// <summary>"request" or "response".</summary>
    [JsonPropertyName("input_type")]
    public string? InputType { get; init; }
}
