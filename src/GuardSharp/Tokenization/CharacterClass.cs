using System.Globalization;
using System.Text;

namespace GuardSharp.Tokenization;

/// <summary>What the split patterns ask of a code point.</summary>
[Flags]
internal enum CharacterClass
{
    /// <summary>None of the others: punctuation, symbols, controls.</summary>
    None = 0,

    /// <summary><c>\p{L}</c></summary>
    Letter = 1,

    /// <summary><c>\p{N}</c></summary>
    Number = 2,

    /// <summary><c>\s</c>: the property White_Space, so U+0085 is in it, U+200B and U+FEFF are not.</summary>
    Space = 4,

    /// <summary><c>[\r\n]</c></summary>
    LineBreak = 8,

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c></summary>
    WordStart = 16,

    /// <summary><c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c></summary>
    WordEnd = 32,
}

/// <summary>Classifies code points, not UTF-16 units: astral letters and digits are letters and digits.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] _ascii = ClassifyAscii();

    /// <summary>The class of the code point at an index.</summary>
    /// <param name="text">UTF-16.</param>
    /// <param name="index">Where the code point starts.</param>
    /// <param name="width">Its UTF-16 units, 1 or 2. A lone surrogate is one U+FFFD, as in its UTF-8 form.</param>
    public static CharacterClass At(ReadOnlySpan<char> text, int index, out int width)
    {
        width = 1;
        var unit = text[index];
        if (unit < 128)
        {
            return _ascii[unit];
        }

        Rune.DecodeFromUtf16(text[index..], out var rune, out width);
        return Classify(rune);
    }

    private static CharacterClass[] ClassifyAscii()
    {
        var classes = new CharacterClass[128];
        for (var value = 0; value < classes.Length; value++)
        {
            classes[value] = Classify(new Rune(value));
        }

        return classes;
    }

    private static CharacterClass Classify(Rune rune)
    {
        switch (Rune.GetUnicodeCategory(rune))
        {
            case UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter:
                return CharacterClass.Letter | CharacterClass.WordStart;
            case UnicodeCategory.LowercaseLetter:
                return CharacterClass.Letter | CharacterClass.WordEnd;
            case UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter:
                return CharacterClass.Letter | CharacterClass.WordStart | CharacterClass.WordEnd;
            case UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark:
                return CharacterClass.WordStart | CharacterClass.WordEnd;
            case UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber:
                return CharacterClass.Number;
            default:
                var lineBreak = rune.Value is '\r' or '\n' ? CharacterClass.LineBreak : CharacterClass.None;
                return Rune.IsWhiteSpace(rune) ? CharacterClass.Space | lineBreak : CharacterClass.None;
        }
    }
}
