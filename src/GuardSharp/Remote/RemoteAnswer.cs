namespace GuardSharp.Remote;

/// <summary>What a server answered.</summary>
/// <param name="Text">The answer in words.</param>
/// <param name="Model">What the server calls the model; null: it did not say.</param>
/// <param name="PromptTokens">Tokens of the prompt; null: it did not say.</param>
/// <param name="Tokens">The answer's tokens with their probabilities; empty: none were given.</param>
internal sealed record RemoteAnswer(string Text, string? Model, int? PromptTokens, IReadOnlyList<AnswerToken> Tokens);

/// <summary>A token of an answer.</summary>
/// <param name="Text">Its text. The token that ends an answer may be empty, or be called by its name.</param>
/// <param name="Listed">Probabilities of the tokens listed at its place, by text, itself included.</param>
internal sealed record AnswerToken(string Text, IReadOnlyDictionary<string, double> Listed)
{
    /// <summary>What is left for the tokens that are not listed.</summary>
    public double Unlisted => Math.Max(0, 1 - Listed.Values.Sum());

    /// <summary>The least of what is listed: no token that is not listed is more likely.</summary>
    public double Least => Listed.Values.Min();
}
