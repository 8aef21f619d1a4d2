using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training.Words;

/// <summary>
/// Cuts rows into parts such that near duplicates and translations of one text stand in the same part: a classifier trained on the other parts
/// then knows nothing of the row it judges.
/// </summary>
internal static class RowParts
{
    private const int GramLength = 8;
    private const int Bands = 12;
    private const int HashesPerBand = 3;

    /// <summary>The part of each row, from 0.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="parts">How many parts.</param>
    public static int[] Of(IReadOnlyList<TrainingRow> rows, int parts)
    {
        var parents = Enumerable.Range(0, rows.Count).ToArray();
        int Root(int row)
        {
            while (parents[row] != row)
                row = parents[row] = parents[parents[row]];
            return row;
        }

        var owners = new Dictionary<ulong, int>();
        void Join(ulong key, int row)
        {
            if (!owners.TryAdd(key, row))
                parents[Root(row)] = Root(owners[key]);
        }

        // MinHash (Broder 1997): texts that share 70 % of their grams meet in one of the bands in 99 of 100 cases, those that share 20 % in 9.
        Span<ulong> least = stackalloc ulong[Bands * HashesPerBand];
        for (var row = 0; row < rows.Count; row++)
        {
            if (rows[row].ParallelKey is { } key)
                Join(Mix(Text(key), 1), row);
            Sketch(rows[row].LastText, least);
            for (var band = 0; band < Bands; band++)
            {
                var joined = (ulong)band;
                for (var hash = 0; hash < HashesPerBand; hash++)
                    joined = Mix(least[(band * HashesPerBand) + hash], joined);
                Join(joined, row);
            }
        }

        return [.. Enumerable.Range(0, rows.Count).Select(row => (int)(Mix((ulong)Root(row), 77) % (ulong)parts))];
    }

    private static void Sketch(string text, Span<ulong> least)
    {
        least.Fill(ulong.MaxValue);
        var plain = new string([.. text.ToLowerInvariant().Where(letter => char.IsLetterOrDigit(letter) || char.IsSurrogate(letter)).Take(600)]);
        for (var start = 0; start + GramLength <= Math.Max(plain.Length, GramLength); start++)
        {
            var gram = Text(plain.AsSpan(start, Math.Min(GramLength, plain.Length - start)));
            for (var hash = 0; hash < least.Length; hash++)
                least[hash] = Math.Min(least[hash], Mix(gram, (ulong)hash + 5));
        }
    }

    private static ulong Text(ReadOnlySpan<char> letters)
    {
        var hash = 14695981039346656037UL;
        foreach (var letter in letters)
            hash = (hash ^ letter) * 1099511628211UL;
        return hash;
    }

    /// <summary>SplitMix64's last steps: every bit depends on every other.</summary>
    private static ulong Mix(ulong value, ulong salt)
    {
        var mixed = value + (salt * 0x9E3779B97F4A7C15UL);
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9UL;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
        return mixed ^ (mixed >> 31);
    }
}
