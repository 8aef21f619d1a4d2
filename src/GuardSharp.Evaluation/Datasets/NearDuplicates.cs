using System.Runtime.InteropServices;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Finds texts that are nearly the same: at least a given share of their character 8-grams in common (after lower-casing and dropping punctuation).</summary>
/// <remarks>
/// Exact on the hashed grams, by an inverted index; grams that more than 200 known texts share tell nothing apart and are passed over, so texts made
/// of nothing else are found only where they are the same. About 30 bytes for each different gram and 8 for each gram of a text. Not safe from several threads.
/// </remarks>
internal sealed class NearDuplicates
{
    private const int GramLength = 8;
    private const int CommonGram = 200;

    private readonly Dictionary<ulong, GramList> _index = [];
    private readonly List<Posting> _postings = [];
    private readonly List<int> _gramCounts = [];
    private readonly Dictionary<(ulong Hash, int Length), int> _whole = [];
    private readonly List<int> _touched = [];
    private int[] _shared = [];

    /// <summary>Texts that are known.</summary>
    public int Count => _gramCounts.Count;

    /// <summary>Makes a text known; its number is the <see cref="Count"/> before.</summary>
    public void Add(string text)
    {
        var plain = Plain(text);
        _whole.TryAdd((Hash(plain), plain.Length), Count);
        var grams = Grams(plain);
        foreach (var gram in grams)
        {
            ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(_index, gram, out var isKnown);
            if (list.Count > CommonGram)
                continue;
            _postings.Add(new Posting(Count, isKnown ? list.Last : -1));
            list = new GramList(_postings.Count - 1, list.Count + 1);
        }

        _gramCounts.Add(grams.Count);
    }

    /// <summary>The largest share of common grams (Jaccard) with any known text, in [0, 1].</summary>
    public double Nearest(string text) => NearestOf(text).Share;

    /// <summary>The known text that shares most, by its number, and the share (Jaccard, in [0, 1]); -1 and 0 where none shares anything.</summary>
    public (int Number, double Share) NearestOf(string text)
    {
        var plain = Plain(text);
        if (_whole.TryGetValue((Hash(plain), plain.Length), out var same))
            return (same, 1);
        var grams = Grams(plain);
        if (_shared.Length < Count)
            Array.Resize(ref _shared, Math.Max(Count, 2 * _shared.Length));
        foreach (var gram in grams)
        {
            if (!_index.TryGetValue(gram, out var list) || list.Count > CommonGram)
                continue;
            for (var at = list.Last; at >= 0; at = _postings[at].Before)
            {
                if (_shared[_postings[at].Text]++ == 0)
                    _touched.Add(_postings[at].Text);
            }
        }

        var (number, share) = (-1, 0.0);
        foreach (var known in _touched)
        {
            var jaccard = _shared[known] / (double)(grams.Count + _gramCounts[known] - _shared[known]);
            // Of equals the first that was made known, whatever the order of the grams.
            if (jaccard > share || (jaccard == share && known < number))
                (number, share) = (known, jaccard);
            _shared[known] = 0;
        }

        _touched.Clear();
        return (number, share);
    }

    private static string Plain(string text) =>
        new([.. text.ToLowerInvariant().Where(letter => char.IsLetterOrDigit(letter) || char.IsHighSurrogate(letter) || char.IsLowSurrogate(letter))]);

    private static HashSet<ulong> Grams(string plain)
    {
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

    /// <summary>The texts with a gram: the last of a chain of postings, and its length.</summary>
    private readonly record struct GramList(int Last, int Count);

    /// <summary>One text with a gram, and the posting before.</summary>
    private readonly record struct Posting(int Text, int Before);
}
