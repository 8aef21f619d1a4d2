using System.Text.RegularExpressions;

namespace GuardSharp.Tokenization;

/// <summary>Cuts text into the pieces within which byte pairs join.</summary>
internal interface IPieceSplitter
{
    /// <summary>The end of the piece that starts at <paramref name="start"/>; always beyond it.</summary>
    int End(ReadOnlySpan<char> text, int start);
}

/// <summary>The split patterns of the checkpoints, and who scans them.</summary>
internal static class SplitPattern
{
    /// <summary>Llama 3's (as in GPT-4).</summary>
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Llama 4's (as in GPT-4o).</summary>
    public const string Llama4 =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?" +
        @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?" +
        @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>What a ByteLevel pre-tokenizer with use_regex splits by (GPT-2).</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>A hand-written exact scanner for the known patterns, .NET's regular expressions for others.</summary>
    /// <exception cref="ArgumentException">The pattern is no regular expression.</exception>
    public static IPieceSplitter For(string pattern) => pattern switch
    {
        Llama3 => new Llama3Splitter(),
        Llama4 => new Llama4Splitter(),
        _ => new RegexSplitter(pattern),
    };
}

/// <summary>Exactly <see cref="SplitPattern.Llama3"/>, by code points.</summary>
internal sealed class Llama3Splitter : IPieceSplitter
{
    /// <inheritdoc/>
    public int End(ReadOnlySpan<char> text, int start)
    {
        var afterContraction = PieceRules.AfterContraction(text, start);
        if (afterContraction > start)
        {
            return afterContraction;
        }

        var first = CharacterClasses.At(text, start, out var width);
        if ((first & CharacterClass.Letter) != 0)
        {
            return PieceRules.RunEnd(text, start + width, CharacterClass.Letter);
        }

        if ((first & (CharacterClass.Number | CharacterClass.LineBreak)) == 0)
        {
            var end = PieceRules.RunEnd(text, start + width, CharacterClass.Letter);
            if (end > start + width)
            {
                return end;
            }
        }

        return PieceRules.NumberPunctuationOrSpace(text, start, first, slashEnds: false);
    }
}

/// <summary>Exactly <see cref="SplitPattern.Llama4"/>, by code points.</summary>
internal sealed class Llama4Splitter : IPieceSplitter
{
    /// <inheritdoc/>
    public int End(ReadOnlySpan<char> text, int start)
    {
        var first = CharacterClasses.At(text, start, out var width);
        var end = WordEnd(text, start, first, width);
        return end > start
            ? PieceRules.AfterContraction(text, end)
            : PieceRules.NumberPunctuationOrSpace(text, start, first, slashEnds: true);
    }

    // The pattern's two word forms, each with its optional leading character taken first and then not: a mark can be either.
    private static int WordEnd(ReadOnlySpan<char> text, int start, CharacterClass first, int width)
    {
        var (afterLead, startsAfterLead) = (-1, -1);
        if ((first & (CharacterClass.Letter | CharacterClass.Number | CharacterClass.LineBreak)) == 0)
        {
            (afterLead, startsAfterLead) = Scan(text, start + width);
        }

        if (afterLead >= 0)
        {
            return afterLead;
        }

        var (ends, starts) = Scan(text, start);
        return ends >= 0 ? ends : startsAfterLead >= 0 ? startsAfterLead : starts;
    }

    // Ends: where WordStart* WordEnd+ ends from p, or -1. Starts: where WordStart+ ends, or -1.
    private static (int Ends, int Starts) Scan(ReadOnlySpan<char> text, int p)
    {
        var (at, lastOfBoth) = (p, -1);
        while (at < text.Length)
        {
            var kind = CharacterClasses.At(text, at, out var width);
            if ((kind & CharacterClass.WordStart) == 0)
            {
                if ((kind & CharacterClass.WordEnd) != 0)
                {
                    return (PieceRules.RunEnd(text, at, CharacterClass.WordEnd), at > p ? at : -1);
                }

                break;
            }

            at += width;
            lastOfBoth = (kind & CharacterClass.WordEnd) != 0 ? at : lastOfBoth;
        }

        // Nothing lower-case follows: WordEnd+ gets the last character that is both, by backtracking.
        return (lastOfBoth, at > p ? at : -1);
    }
}

/// <summary>Any other pattern, by <see cref="Regex"/>, which sees UTF-16 units: letters and digits beyond U+FFFF count as neither.</summary>
internal sealed class RegexSplitter(string pattern) : IPieceSplitter
{
    private readonly Regex _regex = new(pattern, RegexOptions.CultureInvariant);

    /// <inheritdoc/>
    public int End(ReadOnlySpan<char> text, int start)
    {
        foreach (var match in _regex.EnumerateMatches(text, start))
        {
            // Text between matches is a piece of its own (behaviour "Isolated"); empty matches cut nothing.
            var end = match.Index > start ? match.Index : match.Index + match.Length;
            if (end > start)
            {
                var splitsPair = end < text.Length && char.IsSurrogatePair(text[end - 1], text[end]);
                return splitsPair ? end + 1 : end;
            }
        }

        return text.Length;
    }
}

/// <summary>What the Llama 3 and Llama 4 patterns share.</summary>
internal static class PieceRules
{
    private const char LongS = '\u017F'; // folds to s, so (?i:'s) matches it

    /// <summary>The end of <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c> at a place, or the place itself.</summary>
    public static int AfterContraction(ReadOnlySpan<char> text, int at)
    {
        if (at + 1 >= text.Length || text[at] != '\'')
        {
            return at;
        }

        var third = at + 2 < text.Length ? text[at + 2] : '\0';
        return text[at + 1] switch
        {
            's' or 'S' or LongS or 't' or 'T' or 'm' or 'M' or 'd' or 'D' => at + 2,
            'r' or 'R' or 'v' or 'V' when third is 'e' or 'E' => at + 3,
            'l' or 'L' when third is 'l' or 'L' => at + 3,
            _ => at,
        };
    }

    /// <summary>The end of the run of characters of a class.</summary>
    public static int RunEnd(ReadOnlySpan<char> text, int at, CharacterClass wanted)
    {
        while (at < text.Length && (CharacterClasses.At(text, at, out var width) & wanted) != 0)
        {
            at += width;
        }

        return at;
    }

    /// <summary>The end of <c>\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>; with a slash in the last class of the second for Llama 4.</summary>
    public static int NumberPunctuationOrSpace(ReadOnlySpan<char> text, int start, CharacterClass first, bool slashEnds)
    {
        if ((first & CharacterClass.Number) != 0)
        {
            return NumberEnd(text, start);
        }

        var symbols = text[start] == ' ' ? start + 1 : start;
        var at = SymbolsEnd(text, symbols);
        if (at > symbols)
        {
            while (at < text.Length && (text[at] is '\r' or '\n' || (slashEnds && text[at] == '/')))
            {
                at++;
            }

            return at;
        }

        return SpaceEnd(text, start);
    }

    private static int NumberEnd(ReadOnlySpan<char> text, int at)
    {
        for (var digits = 0; digits < 3 && at < text.Length; digits++)
        {
            if ((CharacterClasses.At(text, at, out var width) & CharacterClass.Number) == 0)
            {
                break;
            }

            at += width;
        }

        return at;
    }

    private static int SymbolsEnd(ReadOnlySpan<char> text, int at)
    {
        const CharacterClass Others = CharacterClass.Letter | CharacterClass.Number | CharacterClass.Space;
        while (at < text.Length && (CharacterClasses.At(text, at, out var width) & Others) == 0)
        {
            at += width;
        }

        return at;
    }

    private static int SpaceEnd(ReadOnlySpan<char> text, int start)
    {
        var (at, afterLineBreak) = (start, -1);
        while (at < text.Length && (CharacterClasses.At(text, at, out _) & CharacterClass.Space) != 0)
        {
            at++; // no white space lies beyond U+FFFF
            afterLineBreak = text[at - 1] is '\r' or '\n' ? at : afterLineBreak;
        }

        if (afterLineBreak >= 0)
        {
            return afterLineBreak;
        }

        // The last blank before a word belongs to the word.
        return at < text.Length && at - start > 1 ? at - 1 : at;
    }
}
