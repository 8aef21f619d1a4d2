using GuardSharp.Policies;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary>A verdict in the words a Llama Guard would write, <c>safe</c> or <c>unsafe</c> and a line of codes, token by token.</summary>
/// <param name="Text">The words.</param>
/// <param name="Tokens">Tokens that make up the text.</param>
internal sealed record GuardAnswer(string Text, IReadOnlyList<AnswerToken> Tokens)
{
    /// <summary>Writes a verdict.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <param name="codes">The codes of the answer and what their categories are called in the verdict; null: the verdict's own.</param>
    /// <remarks>
    /// The first token has P(unsafe) or its complement, and both as alternatives. A code has the probability that the list of an unsafe answer
    /// holds it; what stands between is certain.
    /// </remarks>
    public static GuardAnswer Of(Verdict verdict, ILookup<string, string>? codes = null)
    {
        var p = verdict.UnsafeProbability;
        AnswerToken safe = new("safe", 1 - p), @unsafe = new("unsafe", p);
        IReadOnlyList<AnswerToken> both = p > 0.5 ? [@unsafe, safe] : [safe, @unsafe];
        var tokens = new List<AnswerToken> { (verdict.Unsafe ? @unsafe : safe) with { Alternatives = both } };
        codes ??= verdict.Categories.ToLookup(code => code);
        foreach (var code in verdict.Unsafe ? codes : Enumerable.Empty<IGrouping<string, string>>())
        {
            var probability = code.Max(ours => verdict.CategoryProbabilities.GetValueOrDefault(ours));
            tokens.Add(new AnswerToken(tokens.Count == 1 ? "\n" : ",", 1));
            tokens.Add(new AnswerToken(code.Key, p > 0 ? Math.Min(1, probability / p) : 1));
        }

        return new GuardAnswer(string.Concat(tokens.Select(token => token.Text)), tokens);
    }
}

/// <summary>A token of an answer.</summary>
/// <param name="Text">Its text.</param>
/// <param name="Probability">Its probability, in [0, 1].</param>
internal sealed record AnswerToken(string Text, double Probability)
{
    // What OpenAI writes where a probability is too small for a logarithm.
    private const double Impossible = -9999;

    /// <summary>The likeliest tokens at this place, this one among them; null: it alone.</summary>
    public IReadOnlyList<AnswerToken>? Alternatives { get; init; }

    /// <summary>The natural logarithm of the probability.</summary>
    public double LogProbability => Probability > 0 ? Math.Log(Probability) : Impossible;
}
