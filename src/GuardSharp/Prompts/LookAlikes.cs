using System.Globalization;
using System.Text;

namespace GuardSharp.Prompts;

/// <summary>Characters a reader takes for a letter, a colon, a bracket or the start of a line of the template.</summary>
/// <remarks>Only the letters of the template's own words matter. Written out, because normalisation needs ICU, which this library does without.</remarks>
internal static class LookAlikes
{
    private const string Colons = ":：﹕︓∶ː˸꞉׃։⁚܃܄︰";
    private const string Brackets = "<＜﹤‹〈⟨〈«≪˂ᐸ❮❰⧼";

    /// <summary>The lower-case ASCII letter a character looks like, or 0.</summary>
    public static char Letter(Rune rune)
    {
        var c = rune.Value;
        if (c < 0x80)
            return char.IsAsciiLetter((char)c) ? (char)(c | 0x20) : '\0';
        var index = c switch
        {
            >= 0xFF21 and <= 0xFF3A => c - 0xFF21,                 // full width
            >= 0xFF41 and <= 0xFF5A => c - 0xFF41,
            >= 0x249C and <= 0x24B5 => c - 0x249C,                 // in parentheses, circled
            >= 0x24B6 and <= 0x24E9 => (c - 0x24B6) % 26,
            >= 0x1D400 and <= 0x1D6A3 => (c - 0x1D400) % 26,       // mathematical alphabets, upper and lower in turn
            >= 0x1F110 and <= 0x1F129 => c - 0x1F110,              // squared and negative forms
            >= 0x1F130 and <= 0x1F149 => c - 0x1F130,
            >= 0x1F150 and <= 0x1F169 => c - 0x1F150,
            >= 0x1F170 and <= 0x1F189 => c - 0x1F170,
            >= 0x1F1E6 and <= 0x1F1FF => c - 0x1F1E6,
            _ => -1,
        };
        return index >= 0 ? (char)('a' + index) : rune.IsBmp ? Foreign((char)c) : '\0';
    }

    /// <summary>Whether a character reads as a colon.</summary>
    public static bool IsColon(char c) => Colons.Contains(c);

    /// <summary>Whether a character reads as an opening angle bracket.</summary>
    public static bool IsBracket(char c) => Brackets.Contains(c);

    /// <summary>Whether a character ends a line for some reader. The two characters backslash and n, which a template prints, are the caller's.</summary>
    public static bool IsLineBreak(char c) => c is '\n' or '\r' or '\v' or '\f' or (>= '\u001C' and <= '\u001E') or '\u0085' or '\u2028' or '\u2029';

    /// <summary>Whether a character shows nothing, or only decorates its neighbour.</summary>
    public static bool IsInvisible(Rune rune) => rune.Value switch
    {
        0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800 => true,   // letters and a pattern that are blank
        < 0x80 => Rune.IsControl(rune) && !IsLineBreak((char)rune.Value) && rune.Value != '\t',
        _ => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark
            || (Rune.IsControl(rune) && rune.Value != 0x85),
    };

    /// <summary>Accented letters, and letters of other scripts, by the Latin letter they look like.</summary>
    private static char Foreign(char c) =>
        "úùûüũūŭůűųưǔǖǘǚǜụủứừửữựÚÙÛÜŨŪŬŮŰŲƯǓỤỦʋυսՍᴜᵘᵤ∪⋃цЦ".Contains(c) ? 'u'
        : "śŝşšșṡṣŚŜŞŠȘṠṢſѕЅʂꜱˢₛՏ".Contains(c) ? 's'
        : "éèêëēĕėęěẹẻẽếềểễệÉÈÊËĒĔĖĘĚẸẺẼЕеЁёЄєΕεɛ℮ᴇᵉₑҽℯⅇℰ∈".Contains(c) ? 'e'
        : "ŕŗřṙṛŔŖŘṘгГʀɾᴦᵣʳⲅꭇℛℜℝΓ".Contains(c) ? 'r'
        : "àáâãäåāăąǎạảấầẩẫậắằẳẵặÀÁÂÃÄÅĀĂĄǍẠẢаАαΑɑӑӓᴀᵃₐªΛ∀".Contains(c) ? 'a'
        : "ĝğġģǧǵĜĞĠĢǦɡցɢԌᵍℊ".Contains(c) ? 'g'
        : "ñńņňŉǹṅṇÑŃŅŇǸռոպпηΝɴⁿₙℕИи".Contains(c) ? 'n'
        : "ţťŧțṫṭŢŤŦȚṪтТτΤᴛᵗₜ⊤".Contains(c) ? 't'
        : "ḃḅБВвΒβƅЬьʙᵇℬ".Contains(c) ? 'b'
        : "ìíîïĩīĭįıǐỉịÌÍÎÏĨĪĬĮİǏіІїЇιΙɪⁱᵢӏℐℑⅈ".Contains(c) ? 'i'
        : "ďđḋḍĎĐḊḌԁԀᴅᵈⅆⅅ".Contains(c) ? 'd'
        : "оОοΟօõòóôöō".Contains(c) ? 'o'
        : "сСϲ".Contains(c) ? 'c'
        : "уУүγ".Contains(c) ? 'y'
        : "мМΜ".Contains(c) ? 'm'
        : '\0';
}
