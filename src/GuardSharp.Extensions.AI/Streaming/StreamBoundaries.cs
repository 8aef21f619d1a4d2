using System.Globalization;
using System.Text;

namespace GuardSharp.Extensions.AI.Streaming;

/// <summary>Finds the positions of a <see cref="StreamWindow"/> in a text that grows.</summary>
/// <remarks>A position is found once the text reaches beyond it, and stays where it is however the text goes on.</remarks>
internal static class StreamBoundaries
{
    // A word longer than this is cut. What is one sign for a reader (flags, families, accents) is not cut before twice this.
    private const int WordSlack = 32;

    /// <summary>The position that follows another.</summary>
    /// <param name="text">What there is of the text.</param>
    /// <param name="after">The position before, or 0.</param>
    /// <param name="window">The rule.</param>
    /// <returns>The position; -1 where the text does not reach beyond it yet.</returns>
    public static int Next(ReadOnlySpan<char> text, int after, StreamWindow window)
    {
        var target = after + Width(after, window);
        var sentences = window.Sentences ? target + window.Characters : target;
        for (var position = target; position < text.Length; position++)
        {
            // Whether a pair of surrogates stands here is known when both have come.
            if (char.IsHighSurrogate(text[position]) && position + 1 == text.Length)
                return -1;
            if (IsCut(text, position, position < sentences, position - sentences))
                return position;
        }

        return -1;
    }

    private static int Width(int after, StreamWindow window) => after == 0
        ? window.FirstCharacters
        : (int)Math.Min(window.MaxCharacters, Math.Max(window.Characters, after * window.Growth));

    private static bool IsCut(ReadOnlySpan<char> text, int position, bool sentence, int late)
    {
        if (char.IsLowSurrogate(text[position]) && char.IsHighSurrogate(text[position - 1]))
            return false;
        if (sentence)
            return EndsSentence(text, position);
        if (EndsWord(text, position))
            return true;
        return late >= WordSlack && (late >= 2 * WordSlack || !JoinsSign(text, position));
    }

    private static bool EndsWord(ReadOnlySpan<char> text, int position) =>
        char.IsWhiteSpace(text[position]) && !char.IsWhiteSpace(text[position - 1]);

    private static bool EndsSentence(ReadOnlySpan<char> text, int position) => text[position - 1] switch
    {
        '.' or '!' or '?' or '…' or ':' or ';' => char.IsWhiteSpace(text[position]),
        '。' or '！' or '？' => true,
        _ => text[position] == '\n' && text[position - 1] is not ('\n' or '\r'),
    };

    /// <summary>Whether the signs on both sides are one for a reader: accents, joined and coloured emoji, flags, a carriage return with its line feed.</summary>
    private static bool JoinsSign(ReadOnlySpan<char> text, int position)
    {
        const char Joiner = '\u200D';
        if (text[position - 1] == Joiner || (text[position - 1] == '\r' && text[position] == '\n'))
            return true;
        if (Rune.DecodeFromUtf16(text[position..], out var next, out _) != System.Buffers.OperationStatus.Done)
            return false;
        return next.Value == Joiner
            || Rune.GetUnicodeCategory(next) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
            || next.Value is (>= 0x1F3FB and <= 0x1F3FF) or (>= 0x1F1E6 and <= 0x1F1FF);
    }
}
