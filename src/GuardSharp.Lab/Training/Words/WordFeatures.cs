namespace GuardSharp.Lab.Training.Words;

/// <summary>A text as hashed counts: words, pairs of words, and 3 to 5 letters in a row inside a word.</summary>
/// <param name="Indices">Places in a table of <see cref="Size"/>, each once.</param>
/// <param name="Values">Their weights; all squared sum to 1.</param>
internal sealed record WordFeatures(int[] Indices, float[] Values)
{
    /// <summary>Places of the table: with a million, few of the features that matter share one.</summary>
    public const int Size = 1 << 20;

    private const int MaxCharacters = 1500;
    private const int ShortestGram = 3;
    private const int LongestGram = 5;

    /// <summary>Counts the features of a text; the weights are 1 + ln(count), not yet scaled.</summary>
    /// <param name="text">The text; its first 1,500 characters count.</param>
    /// <param name="salt">Texts with different salts share no feature.</param>
    public static WordFeatures Of(string text, int salt)
    {
        var counts = new Dictionary<int, int>();
        void Count(ulong hash) => System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(counts, (int)((hash ^ (hash >> 29)) & (Size - 1)), out _)++;

        var previous = 0UL;
        foreach (var word in Words(text))
        {
            var padded = $" {word} ";
            var whole = Hash(padded, (ulong)salt + 1);
            Count(whole);
            Count(previous == 0 ? whole * 31 : (previous * 1099511628211UL) ^ whole);
            previous = whole;
            for (var length = ShortestGram; length <= LongestGram; length++)
            {
                for (var start = 0; start + length <= padded.Length; start++)
                    Count(Hash(padded.AsSpan(start, length), (ulong)(salt + (100 * length))));
            }
        }

        return new WordFeatures([.. counts.Keys], [.. counts.Values.Select(count => 1 + MathF.Log(count))]);
    }

    /// <summary>Rare features weigh more (inverse document frequency); the length becomes 1.</summary>
    /// <param name="rarity">The factor of each place.</param>
    public WordFeatures Scaled(float[] rarity)
    {
        var values = new float[Values.Length];
        var squares = 0f;
        for (var at = 0; at < values.Length; at++)
        {
            values[at] = Values[at] * rarity[Indices[at]];
            squares += values[at] * values[at];
        }

        var scale = squares > 0 ? 1 / MathF.Sqrt(squares) : 0;
        for (var at = 0; at < values.Length; at++)
            values[at] *= scale;
        return this with { Values = values };
    }

    /// <summary>Runs of letters, marks and digits, in lower case. Scripts without blanks make long words, which their letters in a row take apart.</summary>
    private static IEnumerable<string> Words(string text)
    {
        var lower = text[..Math.Min(text.Length, MaxCharacters)].ToLowerInvariant();
        var start = -1;
        for (var at = 0; at <= lower.Length; at++)
        {
            var inside = at < lower.Length && (char.IsLetterOrDigit(lower[at]) || char.IsSurrogate(lower[at])
                || char.GetUnicodeCategory(lower[at]) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.SpacingCombiningMark);
            if (inside && start < 0)
                start = at;
            if (inside || start < 0)
                continue;
            yield return lower[start..at];
            start = -1;
        }
    }

    /// <summary>FNV-1a over the UTF-16 letters.</summary>
    private static ulong Hash(ReadOnlySpan<char> letters, ulong salt)
    {
        var hash = (14695981039346656037UL ^ salt) * 1099511628211UL;
        foreach (var letter in letters)
            hash = (hash ^ letter) * 1099511628211UL;
        return hash;
    }
}
