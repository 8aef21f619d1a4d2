using System.Globalization;
using System.Text;

namespace GuardSharp.Defences;

/// <summary>Characters that show nothing, told from those that scripts and emoji need.</summary>
/// <remarks>
/// Joiners shape Arabic and Indic text and join emoji: they go only behind Latin, Greek, Cyrillic and Armenian characters, where they mean
/// nothing. Zero-width spaces stand between words of Thai, Lao, Khmer, Burmese and Tibetan text, and stay behind their letters unless there are more
/// than words. Marks of direction go where no letter runs from right to left.
/// </remarks>
internal static class InvisibleCharacters
{
    // The first code point of the scripts that run from right to left; below are Latin, Greek, Cyrillic and Armenian.
    private const int FirstForeign = 0x590;

    private const int ZeroWidthSpace = 0x200B;

    // With their marks and blanks, words of those scripts have more on average.
    private const int LettersOfAWord = 4;

    /// <summary>What is to be known of a whole text before its characters are looked at.</summary>
    public static TextTraits TraitsOf(List<Rune> runes)
    {
        var spaces = runes.Count(rune => rune.Value == ZeroWidthSpace);
        return new TextTraits(runes.Exists(IsRightToLeft), spaces * LettersOfAWord > runes.Count - spaces);
    }

    private static bool IsRightToLeft(Rune rune) =>
        rune.Value is (>= 0x590 and <= 0x8FF) or (>= 0xFB1D and <= 0xFDFF) or (>= 0xFE70 and <= 0xFEFC) or (>= 0x10800 and <= 0x10FFF) or (>= 0x1E800 and <= 0x1EFFF)
        && Rune.IsLetter(rune);

    /// <summary>Whether a reader would not miss a character.</summary>
    /// <param name="rune">The character.</param>
    /// <param name="before">The last character before it that stays; null at the start.</param>
    /// <param name="marks">How many combining marks stand between that one's letter and this.</param>
    /// <param name="text">What is to be known of the whole text.</param>
    public static bool IsNeedless(Rune rune, Rune? before, int marks, TextTraits text) => rune.Value switch
    {
        '\t' or '\n' or '\v' or '\f' or '\r' or 0x85 => false,
        < 0x20 or (>= 0x7F and < 0xA0) or 0xAD => true,
        < 0x300 => false,
        // Struck through or ringed; and more marks on one letter than any alphabet of Latin letters has.
        (>= 0x334 and <= 0x338) or (>= 0x20D0 and <= 0x20E2) or (>= 0x20E4 and <= 0x20F0) => IsWestern(before),
        0x34F => IsWestern(before),
        >= 0x300 and <= 0x36F => marks >= 2 && IsWestern(before),
        ZeroWidthSpace => text.HasManyZeroWidthSpaces || before is not { } word || !IsWrittenWithoutBlanks(word),
        0x200C or 0x200D or (>= 0x180B and <= 0x180F) => before is null || IsWestern(before),
        (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0100 and <= 0xE01EF) => before is { } letter && IsWestern(letter) && Rune.IsLetter(letter),
        0x202D or 0x202E => true,
        0x200E or 0x200F or 0x61C or (>= 0x202A and <= 0x202C) or (>= 0x2066 and <= 0x2069) => !text.HasRightToLeft,
        0xFEFF or (>= 0x2060 and <= 0x2064) or (>= 0x206A and <= 0x206F) or (>= 0xFFF9 and <= 0xFFFB) => true,
        0x115F or 0x1160 or 0x3164 or 0xFFA0 => before is null || IsWestern(before),
        // Tags spell text that nobody sees; behind an emoji they say whose flag it is.
        >= 0xE0000 and <= 0xE007F => before is not { Value: >= 0x1F000 },
        _ => false,
    };

    /// <summary>Whether a character is a combining mark.</summary>
    public static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.SpacingCombiningMark;

    // Thai to Tibetan, Burmese, Khmer, Tai Lue and Tai Tham; Chinese and Japanese.
    private static bool IsWrittenWithoutBlanks(Rune rune) => rune.Value is (>= 0xE00 and <= 0xFFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF) or (>= 0x1950 and <= 0x1AAF) or (>= 0x2E80 and <= 0x9FFF);

    private static bool IsWestern(Rune? rune) => rune is { Value: < FirstForeign or (>= 0x1D00 and <= 0x206F) or (>= 0x2100 and <= 0x218F) or (>= 0x1D400 and <= 0x1D7FF) or (>= 0xFF01 and <= 0xFF5E) };
}

/// <summary>What is to be known of a whole text.</summary>
/// <param name="HasRightToLeft">Whether a letter runs from right to left.</param>
/// <param name="HasManyZeroWidthSpaces">Whether there are more zero-width spaces than there can be words.</param>
internal readonly record struct TextTraits(bool HasRightToLeft, bool HasManyZeroWidthSpaces);
