using System.Text.RegularExpressions;

namespace GuardSharp.Remote;

/// <summary>Marks text that a server would read as its own markup.</summary>
/// <remarks>
/// A prompt or message that goes as a string is cut into tokens by the server, whose tokenizer finds special tokens anywhere in it:
/// <c>&lt;|eot_id|&gt;</c> typed by a user would end the message. All special tokens of Llama 3 and 4 are names between <c>&lt;|</c> and
/// <c>|&gt;</c>. Beside them: <c>&lt;__media__&gt;</c>, which stands for a picture in llama.cpp, and <c>![](</c>, after which TGI fetches one.
/// The mark is that of the prompt's own rewriting; text without markup comes back as the same instance. Prompts of token ids need none of it.
/// </remarks>
internal static partial class ServerMarkup
{
    private const string Mark = "(quoted) ";

    /// <summary>Rewrites a text and adds the number of marks to <paramref name="places"/>.</summary>
    public static string Rewrite(string text, ref int places)
    {
        var count = 0;
        var rewritten = Opening().Replace(text, match =>
        {
            count++;
            // The first character goes: what is left is no markup, whatever stands before or behind it.
            return Mark + match.Value[1..];
        });
        places += count;
        return count == 0 ? text : rewritten;
    }

    /// <summary>The warning of a verdict; holds no user text.</summary>
    public static string Warning(int places) =>
        $"neutralised-text: {places} {(places == 1 ? "place" : "places")} imitated markup of the model's server; {(places == 1 ? "it was" : "they were")} marked as quoted";

    [GeneratedRegex(@"<\|(?=[^\s<>|]{1,128}\|>)|<(?=__media__>)|!(?=\[[^\]\n]{0,512}\]\()", RegexOptions.CultureInvariant)]
    private static partial Regex Opening();
}
