using System.Globalization;
using GuardSharp.Policies;

namespace GuardSharp.Remote;

/// <summary>What the answer of a server says about a conversation, in numbers.</summary>
/// <param name="UnsafeProbability">P(unsafe) as far as it can be known; where it lies in a range, the upper end.</param>
/// <param name="CategoryProbabilities">By code of the policy.</param>
/// <param name="CategoryUncertainty">What a true probability can exceed its value by.</param>
/// <param name="AnswerMass">P(safe) + P(unsafe) over the whole vocabulary; null: the server gives no probabilities.</param>
/// <param name="Warnings">What a reader must know.</param>
internal sealed record RemoteReading(
    double UnsafeProbability,
    IReadOnlyDictionary<string, double> CategoryProbabilities,
    double CategoryUncertainty,
    double? AnswerMass,
    IReadOnlyList<string> Warnings)
{
    private const double LowestAnswerMass = 0.5;

    // Ranges narrower than this are not worth a warning.
    private const double Noticeable = 1e-4;

    /// <summary>Reads an answer whose words were understood.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="parsed">Its words.</param>
    /// <param name="policy">What probabilities are wanted for.</param>
    /// <param name="known">The codes that the prompt names.</param>
    /// <exception cref="InvalidAnswerException">The probabilities belong to other words than the answer.</exception>
    public static RemoteReading Of(RemoteAnswer answer, ParsedAnswer parsed, Policy policy, IReadOnlyList<string> known)
    {
        var verdict = FirstWord(answer.Tokens);
        return verdict < 0 ? OfWords(parsed, policy) : OfTokens(answer.Tokens, verdict, parsed, new CodePath(policy, known));
    }

    /// <summary>Without probabilities the answer itself is all that is known.</summary>
    private static RemoteReading OfWords(ParsedAnswer parsed, Policy policy) => new(
        parsed.Unsafe ? 1 : 0,
        policy.Categories.ToDictionary(c => c.Code, c => parsed.Categories.Contains(c.Code) ? 1.0 : 0.0),
        1,
        null,
        ["no-probabilities: the server gives the answer alone; probabilities of 0 and 1 stand for its words, and thresholds between them change nothing"]);

    private static RemoteReading OfTokens(IReadOnlyList<AnswerToken> tokens, int at, ParsedAnswer parsed, CodePath path)
    {
        var token = tokens[at];
        if (token.Listed.Count == 0 || !Begins(parsed.Unsafe ? "unsafe" : "safe", token.Text))
            throw new InvalidAnswerException("The server's probabilities belong to other words than its answer. Update the server, or switch them off with TopLogprobs 0.");
        var (safe, @unsafe) = (Mass(token, "safe"), Mass(token, "unsafe"));
        // A word that is not listed is no likelier than the least that is, nor than all that is left.
        var missing = Math.Min(token.Least, token.Unlisted);
        var (lowest, highest) = (@unsafe / (safe + missing * (safe > 0 ? 0 : 1) + @unsafe), (@unsafe > 0 ? @unsafe : missing) / (safe + (@unsafe > 0 ? @unsafe : missing)));
        var categories = path.Read(tokens, at);
        List<string> warnings = [];
        if (highest - lowest > Noticeable)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"unsafe-probability-range: the server listed only one of safe and unsafe; P(unsafe) is from {lowest:0.0000} to {highest:0.0000}, and the upper end counts"));
        }

        if (safe + @unsafe < LowestAnswerMass)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"off-template: safe and unsafe together hold {safe + @unsafe:0.000} of the model's next token; does the prompt's variant fit the model?"));
        }

        return new RemoteReading(
            highest,
            categories.Values.ToDictionary(c => c.Key, c => highest * c.Value),
            highest * categories.Uncertainty,
            safe + @unsafe,
            warnings);
    }

    /// <summary>The first token that is not a newline; -1: the answer has no tokens with alternatives.</summary>
    private static int FirstWord(IReadOnlyList<AnswerToken> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokens[i].Text.Trim('\n').Length > 0)
                return tokens[i].Listed.Count > 0 ? i : -1;
        }

        return -1;
    }

    // A tokenizer may cut "unsafe" in two: every beginning of the word leads to it.
    private static double Mass(AnswerToken token, string word) => token.Listed.Where(listed => Begins(word, listed.Key)).Sum(listed => listed.Value);

    private static bool Begins(string word, string text) => text.TrimStart('\n') is { Length: > 0 } start && word.StartsWith(start, StringComparison.Ordinal);
}
