using System.Text;

namespace GuardSharp.Defences;

/// <summary>A word as the letter model reads it.</summary>
internal static class LetterSymbols
{
    /// <summary>What stands before a capital that is neither the first letter of a word nor in a word of capitals.</summary>
    public const char Shift = '^';

    // Latin letters end here, with their extensions for European languages.
    private const char LastLatin = '\u024F';

    /// <summary>The word's symbols and a blank behind them: small letters, every digit as 0, capitals marked where they are odd.</summary>
    /// <param name="word">Characters without a blank.</param>
    /// <returns>Null for a word of another script, which the model does not know.</returns>
    public static string? Of(ReadOnlySpan<char> word)
    {
        var symbols = new StringBuilder(word.Length + 1);
        var areCapitals = !HasSmall(word);
        for (var i = 0; i < word.Length; i++)
        {
            var letter = word[i];
            if (letter > LastLatin && char.IsLetter(letter) || char.IsSurrogate(letter))
            {
                return null;
            }

            if (char.IsUpper(letter) && !areCapitals && i > 0 && char.IsLetter(word[i - 1]))
            {
                symbols.Append(Shift);
            }

            symbols.Append(char.IsDigit(letter) ? '0' : char.ToLowerInvariant(letter));
        }

        return symbols.Append(' ').ToString();
    }

    private static bool HasSmall(ReadOnlySpan<char> word)
    {
        foreach (var letter in word)
        {
            if (char.IsLower(letter))
            {
                return true;
            }
        }

        return false;
    }
}
