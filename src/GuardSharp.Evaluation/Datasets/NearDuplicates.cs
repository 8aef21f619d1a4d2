using System.Runtime.InteropServices;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Finds texts that are nearly the same: at least a given share of their character 8-grams in common (after lower-casing and dropping punctuation).</summary>
/// <remarks>Exact on the hashed grams, by an inverted index; grams that more than 200 known texts share tell nothing apart and are passed over.</remarks>
internal sealed class NearDuplicates
{
    private const int GramLength = 8;
    private const int CommonGram = 200;
    private readonly Dictionary<ulong, List<int>> _index = [];
    private readonly List<int> _gramCounts = [];

    /// <summary>Makes a text known.</summary>
    public void Add(string text)
    {
        var grams = Grams(text);
        foreach (var gram in grams)
        {
            ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(_index, gram, out _);
            list ??= [];
            if (list.Count <= CommonGram)
                list.Add(_gramCounts.Count);
        }

        _gramCounts.Add(grams.Count);
    }

    /// <summary>The largest share of common grams (Jaccard) with any known text, in [0, 1].</summary>
    public double Nearest(string text)
    {
        var grams = Grams(text);
        var shared = new Dictionary<int, int>();
        foreach (var gram in grams)
        {
            if (!_index.TryGetValue(gram, out var list) || list.Count > CommonGram)
                continue;
            foreach (var known in list)
                CollectionsMarshal.GetValueRefOrAddDefault(shared, known, out _)++;
        }

        return shared.Count == 0 ? 0 : shared.Max(pair => pair.Value / (double)(grams.Count + _gramCounts[pair.Key] - pair.Value));
    }

    private static HashSet<ulong> Grams(string text)
    {
        var plain = new string([.. text.ToLowerInvariant().Where(letter => char.IsLetterOrDigit(letter) || char.IsHighSurrogate(letter) || char.IsLowSurrogate(letter))]);
        var grams = new HashSet<ulong>();
        for (var start = 0; start + GramLength <= Math.Max(plain.Length, GramLength); start++)
            grams.Add(Hash(plain.AsSpan(start, Math.Min(GramLength, plain.Length - start))));
        return grams;
    }

    /// <summary>FNV-1a over the UTF-16 letters.</summary>
    private static ulong Hash(ReadOnlySpan<char> letters)
    {
        var hash = 14695981039346656037UL;
        foreach (var letter in letters)
            hash = (hash ^ letter) * 1099511628211UL;
        return hash;
    }
}
