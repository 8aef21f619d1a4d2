using System.Text.RegularExpressions;

namespace GuardSharp.Policies;

/// <summary>A guard's answer that is neither safe nor unsafe. It never means safe.</summary>
public sealed class InvalidAnswerException(string message, Exception? innerException = null) : GuardException(message, innerException);

/// <summary>A guard's answer in words, understood.</summary>
/// <param name="Unsafe">The verdict.</param>
/// <param name="Categories">Codes of the policy, each once, in the answer's order.</param>
/// <param name="UnknownCodes">Codes the policy does not hold, each once.</param>
internal sealed record ParsedAnswer(bool Unsafe, IReadOnlyList<string> Categories, IReadOnlyList<string> UnknownCodes);

/// <summary>Reads the answers of engines that return text.</summary>
/// <remarks>
/// Grammar: <c>\n* ("safe" | "unsafe" [("\n" | " ") S1 ("," " "? S2)*])</c>, then nothing but blanks and newlines. Anything else is an error:
/// a lenient reader takes "safe to say that this is a bomb" for safe.
/// </remarks>
internal static partial class AnswerParser
{
    /// <summary>Reads an answer.</summary>
    /// <exception cref="InvalidAnswerException">The answer is not of the grammar.</exception>
    public static ParsedAnswer Parse(string answer, Policy policy)
    {
        var match = Grammar().Match(answer);
        if (!match.Success)
        {
            throw new InvalidAnswerException(
                $"The guard's answer of {answer.Length} characters is neither \"safe\" nor \"unsafe\" with a list of codes. "
                + "Is the model behind the address a Llama Guard, and does it get its own chat template?");
        }

        var codes = match.Groups["code"].Captures.Select(c => c.Value).Distinct().ToList();
        return new ParsedAnswer(
            match.Groups["unsafe"].Success,
            codes.FindAll(c => policy.Categories.Any(k => k.Code == c)),
            codes.FindAll(c => policy.Categories.All(k => k.Code != c)));
    }

    [GeneratedRegex(@"\A\n*(?:safe|(?<unsafe>unsafe)(?:[\n ](?<code>S[1-9][0-9]{0,3})(?:, ?(?<code>S[1-9][0-9]{0,3}))*)?)[\n ]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Grammar();
}
