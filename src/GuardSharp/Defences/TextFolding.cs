using System.Text;

namespace GuardSharp.Defences;

/// <summary>A text as its reader sees it: without what is invisible, and in plain Latin letters where it only pretends not to be.</summary>
/// <remarks>
/// Written out like the table of the prompts' own look-alikes, because normalisation by the framework needs ICU, which this library does without. It is the
/// part of NFKC that ends in ASCII, and on purpose not the rest: NFKC takes Thai and Lao vowels and Arabic forms apart, which no model has seen so.
/// </remarks>
internal static class TextFolding
{
    /// <summary>The text folded; the same instance where there is nothing to fold.</summary>
    public static string Fold(string text)
    {
        if (IsPlain(text))
        {
            return text;
        }

        var runes = text.EnumerateRunes().ToList();
        var folded = FoldLookAlikes(FoldForms(Visible(runes)));
        return folded.SequenceEqual(runes) ? text : string.Concat(folded.Select(rune => rune.ToString()));
    }

    private static bool IsPlain(string text)
    {
        foreach (var c in text)
        {
            if (c >= 0x7F || (c < ' ' && c is not ('\t' or '\n' or '\v' or '\f' or '\r')))
            {
                return false;
            }
        }

        return true;
    }

    private static List<Rune> Visible(List<Rune> runes)
    {
        var traits = InvisibleCharacters.TraitsOf(runes);
        var visible = new List<Rune>(runes.Count);
        var marks = 0;
        foreach (var rune in runes)
        {
            Rune? before = visible.Count > 0 ? visible[^1] : null;
            if (!InvisibleCharacters.IsNeedless(rune, before, marks, traits))
            {
                marks = InvisibleCharacters.IsMark(rune) ? marks + 1 : 0;
                visible.Add(rune);
            }
        }

        return visible;
    }

    private static List<Rune> FoldForms(List<Rune> runes)
    {
        // Full-width letters are ordinary beside Chinese, Japanese and Korean ones.
        var hasEastAsian = runes.Exists(rune => rune.Value is (>= 0x3040 and <= 0x9FFF) or (>= 0xAC00 and <= 0xD7A3));
        var result = new List<Rune>(runes.Count);
        for (var i = 0; i < runes.Count; i++)
        {
            var rune = runes[i];
            if (LatinForms.Ligature(rune) is { } letters)
            {
                result.AddRange(letters.EnumerateRunes());
                continue;
            }

            var form = LatinForms.Form(rune);
            form = form == '\0' && !hasEastAsian ? LatinForms.FullWidth(rune) : form;
            form = form == '\0' && !IsRegional(runes, i - 1) && !IsRegional(runes, i + 1) ? LatinForms.Regional(rune) : form;
            result.Add(form == '\0' ? rune : new Rune(form));
        }

        return result;
    }

    private static bool IsRegional(List<Rune> runes, int index) => index >= 0 && index < runes.Count && LatinForms.Regional(runes[index]) != '\0';

    private static List<Rune> FoldLookAlikes(List<Rune> runes)
    {
        var result = new List<Rune>(runes);
        for (var start = 0; start < result.Count; start++)
        {
            var end = start;
            while (end < result.Count && (Rune.IsLetterOrDigit(result[end]) || InvisibleCharacters.IsMark(result[end])))
            {
                end++;
            }

            if (result.FindIndex(start, end - start, IsLatin) >= 0)
            {
                Replace(result, start, end, LatinForms.LookAlike);
            }

            start = end;
        }

        // Latin letters, and no others left but twins of them: then also whole words of twins are meant as Latin.
        if (result.Exists(IsLatin) && result.TrueForAll(rune => !Rune.IsLetter(rune) || IsLatin(rune) || LatinForms.Twin(rune) != '\0'))
        {
            Replace(result, 0, result.Count, LatinForms.Twin);
        }

        return result;
    }

    private static void Replace(List<Rune> runes, int start, int end, Func<Rune, char> latin)
    {
        for (var i = start; i < end; i++)
        {
            var letter = latin(runes[i]);
            runes[i] = letter == '\0' ? runes[i] : new Rune(letter);
        }
    }

    // Latin letters, accented ones included; micro and ohm signs are not among them.
    private static bool IsLatin(Rune rune) => rune.Value is not (0xAA or 0xB5 or 0xBA or 0x2126) && (rune.Value < 0x250 || rune.Value is >= 0x1E00 and <= 0x1EFF) && Rune.IsLetter(rune);
}
