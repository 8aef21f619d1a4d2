using System.Text;

namespace GuardSharp.Prompts;

/// <summary>Marks text that imitates the structure of Llama Guard's prompt, so that no message can forge a turn.</summary>
/// <remarks>
/// Structure is a line that starts <c>User:</c> or <c>Agent:</c> (or one of our own labels of evidence, see <see cref="PromptTurn.Label"/>), and the tags <c>&lt;BEGIN ...&gt;</c> and <c>&lt;END ...&gt;</c>, in any case
/// and spelling a reader takes for them: blanks, invisible characters and markup around, full-width and look-alike letters, every kind of line
/// break, and the two characters backslash and n, which the published template prints after a line. The mark <c>(quoted) </c> goes before the
/// word, or in place of the bracket. Text without structure comes back as the same instance.
/// </remarks>
internal static class StructuralRewriter
{
    private const string Mark = "(quoted) ";
    private static readonly string[] _lineStarts = ["user", "agent", "tool result", "system instructions"];

    /// <summary>Rewrites a text and adds the number of marks to <paramref name="places"/>.</summary>
    public static string Rewrite(string text, ref int places)
    {
        StringBuilder? result = null;
        var copied = 0;
        var lineStart = true;
        for (var i = 0; i < text.Length; i++)
        {
            if (lineStart && FindRole(text, i) is var role and >= 0)
            {
                result = (result ?? new StringBuilder(text.Length + Mark.Length)).Append(text, copied, role - copied).Append(Mark);
                copied = role;
                places++;
            }

            if (BracketLength(text, i) is var length and > 0 && IsTag(text, i + length))
            {
                result = (result ?? new StringBuilder(text.Length + Mark.Length)).Append(text, copied, i - copied).Append(Mark);
                copied = i + length;
                places++;
            }

            var width = LineBreakLength(text, i);
            lineStart = width > 0;
            i += Math.Max(0, width - 1);
        }

        return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>Where the word of a role starts, if the line that starts here is one; else -1.</summary>
    private static int FindRole(string text, int i)
    {
        while (i < text.Length && LineBreakLength(text, i) == 0 && RuneAt(text, i) is var rune && !IsWordPart(rune))
            i += rune.Utf16SequenceLength;
        return Array.Exists(_lineStarts, word => SkipWord(text, i, word) is var end and >= 0 && IsColonNext(text, end)) ? i : -1;
    }

    private static bool IsColonNext(string text, int end)
    {
        while (end < text.Length && LineBreakLength(text, end) == 0 && RuneAt(text, end) is var rune
            && (LookAlikes.IsInvisible(rune) || Rune.IsWhiteSpace(rune) || IsMarkup(text[end])))
        {
            end += rune.Utf16SequenceLength;
        }

        return end < text.Length && LookAlikes.IsColon(text[end]);
    }

    private static bool IsTag(string text, int i)
    {
        while (i < text.Length && RuneAt(text, i) is var rune && (LookAlikes.IsInvisible(rune) || Rune.IsWhiteSpace(rune) || text[i] == '/'))
            i += rune.Utf16SequenceLength;
        var end = SkipWord(text, i, "begin");
        if (end < 0)
            end = SkipWord(text, i, "end");
        return end >= 0 && (end == text.Length || !IsWordPart(RuneAt(text, end)));
    }

    /// <summary>The end of a word that stands here, invisible characters after it included; -1 where it does not. A blank is any run of blanks.</summary>
    private static int SkipWord(string text, int i, string word)
    {
        foreach (var letter in word)
        {
            if (letter == ' ')
            {
                while (i < text.Length && LineBreakLength(text, i) == 0 && RuneAt(text, i) is var blank && (Rune.IsWhiteSpace(blank) || LookAlikes.IsInvisible(blank)))
                    i += blank.Utf16SequenceLength;
                continue;
            }

            if (i >= text.Length || RuneAt(text, i) is var rune && LookAlikes.Letter(rune) != letter)
                return -1;
            i += RuneAt(text, i).Utf16SequenceLength;
            while (i < text.Length && RuneAt(text, i) is var next && LookAlikes.IsInvisible(next))
                i += next.Utf16SequenceLength;
        }

        return i;
    }

    private static int LineBreakLength(string text, int i) =>
        LookAlikes.IsLineBreak(text[i]) ? 1 : text[i] == '\\' && i + 1 < text.Length && text[i + 1] is 'n' or 'r' ? 2 : 0;

    private static int BracketLength(string text, int i) =>
        LookAlikes.IsBracket(text[i]) ? 1 : string.CompareOrdinal(text, i, "&lt;", 0, 4) == 0 ? 4 : 0;

    private static bool IsWordPart(Rune rune) =>
        !LookAlikes.IsInvisible(rune) && (Rune.IsLetterOrDigit(rune) || LookAlikes.Letter(rune) != 0);

    private static bool IsMarkup(char c) => c is '*' or '_' or '`' or '~' or '\'' or '"' or ')' or ']' or '}' or '>' or '|';

    private static Rune RuneAt(string text, int i) => Rune.TryGetRuneAt(text, i, out var rune) ? rune : Rune.ReplacementChar;
}
