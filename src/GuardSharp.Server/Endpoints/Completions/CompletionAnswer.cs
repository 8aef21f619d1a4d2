using System.Text.Json.Serialization;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary>The answer of <c>POST /v1/completions</c>, or one chunk of its stream.</summary>
internal sealed record CompletionAnswer
{
    /// <summary>The first decision's id.</summary>
    public required string Id { get; init; }

    /// <summary>text_completion.</summary>
    public string Object { get; init; } = "text_completion";

    /// <summary>Seconds since 1970.</summary>
    public required long Created { get; init; }

    /// <summary>The model's real name.</summary>
    public required string Model { get; init; }

    /// <summary>One for each prompt; none in the chunk that tells the usage.</summary>
    public required IReadOnlyList<CompletionChoice> Choices { get; init; }

    /// <summary>Tokens of all prompts and answers.</summary>
    public TokenUsage? Usage { get; init; }
}

/// <summary>The answer to one prompt.</summary>
/// <param name="Index">The prompt's place.</param>
/// <param name="Text">The guard's words.</param>
internal sealed record CompletionChoice(int Index, string Text)
{
    /// <summary>Probabilities, where asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public TextLogProbabilities? Logprobs { get; init; }

    /// <summary>stop, or null while more comes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    [JsonPropertyName("finish_reason")]
    public string? FinishReason { get; init; }
}

/// <summary>Probabilities in the older form: lists side by side.</summary>
/// <param name="Tokens">The tokens' texts.</param>
/// <param name="TokenLogprobs">Natural logarithms of their probabilities.</param>
/// <param name="TopLogprobs">The likeliest tokens at each place.</param>
/// <param name="TextOffset">Where each token starts in the text.</param>
internal sealed record TextLogProbabilities(
    IReadOnlyList<string> Tokens,
    [property: JsonPropertyName("token_logprobs")] IReadOnlyList<double> TokenLogprobs,
    [property: JsonPropertyName("top_logprobs")] IReadOnlyList<IReadOnlyDictionary<string, double>> TopLogprobs,
    [property: JsonPropertyName("text_offset")] IReadOnlyList<int> TextOffset)
{
    /// <summary>The probabilities of an answer.</summary>
    public static TextLogProbabilities Of(GuardAnswer answer, int top) => new(
        [.. answer.Tokens.Select(token => token.Text)],
        [.. answer.Tokens.Select(token => token.LogProbability)],
        [.. answer.Tokens.Select(token => (token.Alternatives ?? [token]).Take(top).ToDictionary(t => t.Text, t => t.LogProbability))],
        [.. answer.Tokens.Select((_, i) => answer.Tokens.Take(i).Sum(before => before.Text.Length))]);
}
