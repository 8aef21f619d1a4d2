namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>The suffix to begin with.</summary>
internal static class FirstSuffix
{
    private const string Default = " !";

    // Each try encodes a prompt: a fraction of a millisecond.
    private const int Tries = 2000;

    /// <summary>Finds one whose text becomes its own tokens in every conversation.</summary>
    /// <param name="settings">The text that was asked for, or the length.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="slots">Where it stands; what stands around it is known to them afterwards.</param>
    /// <param name="random">Draws others where exclamation marks do not stay apart in this vocabulary.</param>
    /// <exception cref="GuardException">There is none.</exception>
    public static int[] Find(GcgSettings settings, TypableTokens vocabulary, IReadOnlyList<SuffixSlot> slots, Random random)
    {
        if (settings.Init is { } text)
        {
            var ids = vocabulary.Encode(text);
            return slots.All(slot => slot.Begin(ids, text))
                ? ids
                : throw new GuardException($"--init \"{text}\" becomes other tokens behind a row's text than alone. Let it begin with a blank, or leave the option out.");
        }

        // Tokens that begin with a blank begin a piece of their own, so they stay apart.
        int[] blanks = [.. vocabulary.Ids.Where(id => vocabulary.Text([id]) is [' ', not ' ', ..])];
        for (var attempt = 0; attempt < Tries; attempt++)
        {
            int[] ids = attempt == 0
                ? vocabulary.Encode(string.Concat(Enumerable.Repeat(Default, settings.SuffixLength)))
                : Draw(attempt % 2 == 0 || blanks.Length == 0 ? [.. vocabulary.Ids] : blanks, settings.SuffixLength, random);
            if (ids.Length == settings.SuffixLength && Array.TrueForAll(ids, vocabulary.Allows) && slots.All(slot => slot.Begin(ids, vocabulary.Text(ids))))
            {
                return ids;
            }
        }

        throw new GuardException(
            $"No {settings.SuffixLength} tokens were found whose text becomes the same tokens again. Give a first suffix with --init, or allow other letters with --all-characters.");
    }

    private static int[] Draw(int[] tokens, int length, Random random)
    {
        var ids = new int[length];
        for (var i = 0; i < length; i++)
        {
            ids[i] = tokens[random.Next(tokens.Length)];
        }

        return ids;
    }
}
