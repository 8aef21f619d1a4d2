using System.Text;
using System.Text.Json.Serialization;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary>The answer of <c>POST /v1/chat/completions</c>, or one chunk of its stream.</summary>
internal sealed record ChatCompletionAnswer
{
    /// <summary>The decision's id.</summary>
    public required string Id { get; init; }

    /// <summary>chat.completion or chat.completion.chunk.</summary>
    public required string Object { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public required long Created { get; init; }

    /// <summary>The model's real name.</summary>
    public required string Model { get; init; }

    /// <summary>One, or none in the chunk that tells the usage.</summary>
    public required IReadOnlyList<ChatChoice> Choices { get; init; }

    /// <summary>Tokens.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>Ours: what a reader must know to trust the numbers.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }
}

/// <summary>The one choice of an answer.</summary>
internal sealed record ChatChoice
{
    /// <summary>0.</summary>
    public int Index { get; init; }

    /// <summary>The whole message; null in a chunk.</summary>
    public ChatAnswerMessage? Message { get; init; }

    /// <summary>What a chunk adds; null in a whole answer.</summary>
    public ChatAnswerMessage? Delta { get; init; }

    /// <summary>Probabilities, where asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogProbabilities? Logprobs { get; init; }

    /// <summary>stop, or null while more comes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    [JsonPropertyName("finish_reason")]
    public string? FinishReason { get; init; }
}

/// <summary>A message or a piece of one.</summary>
/// <param name="Role">assistant, or null in a piece that goes on.</param>
/// <param name="Content">The guard's words.</param>
internal sealed record ChatAnswerMessage(string? Role, string? Content);

/// <summary>Tokens of a request and its answer.</summary>
/// <param name="PromptTokens">Tokens of the guard's whole prompt.</param>
/// <param name="CompletionTokens">Tokens of the answer.</param>
/// <param name="TotalTokens">Both.</param>
internal sealed record TokenUsage(
    [property: JsonPropertyName("prompt_tokens")] int PromptTokens,
    [property: JsonPropertyName("completion_tokens")] int CompletionTokens,
    [property: JsonPropertyName("total_tokens")] int TotalTokens)
{
    /// <summary>The usage of prompts and their answers.</summary>
    public static TokenUsage Of(int prompt, int completion) => new(prompt, completion, prompt + completion);
}

/// <summary>Probabilities of the answer's tokens.</summary>
/// <param name="Content">One for each token.</param>
internal sealed record ChatLogProbabilities(IReadOnlyList<ChatToken> Content)
{
    /// <summary>The probabilities of an answer.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="top">Alternatives of each token, at most.</param>
    public static ChatLogProbabilities Of(GuardAnswer answer, int top) => new(
        [.. answer.Tokens.Select(token => ChatToken.Of(token) with { TopLogprobs = [.. (token.Alternatives ?? [token]).Take(top).Select(ChatToken.Of)] })]);
}

/// <summary>A token and its probability.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Logprob">The natural logarithm of its probability.</param>
/// <param name="Bytes">Its text in UTF-8.</param>
internal sealed record ChatToken(string Token, double Logprob, IReadOnlyList<int> Bytes)
{
    /// <summary>The likeliest tokens at its place; null in one of them.</summary>
    [JsonPropertyName("top_logprobs")]
    public IReadOnlyList<ChatToken>? TopLogprobs { get; init; }

    /// <summary>A token as it is told.</summary>
    public static ChatToken Of(AnswerToken token) => new(token.Text, token.LogProbability, [.. Encoding.UTF8.GetBytes(token.Text).Select(b => (int)b)]);
}
