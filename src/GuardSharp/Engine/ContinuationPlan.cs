namespace GuardSharp.Engine;

/// <summary>Which continuations have to be read, and what of them is read once for several.</summary>
/// <remarks>
/// One that another begins with is read with it, for the row behind each token is computed anyway. Where many begin alike (fourteen categories behind the
/// same list) that stem is read first, and the rest of each stands on it. A stem costs a pass, so there are some only where enough rows are saved.
/// </remarks>
internal sealed class ContinuationPlan
{
    // A pass reads all weights once: what 32 rows more cost beside it is about the same.
    private const int LeastSaving = 32;

    private readonly List<int[]> _read = [];
    private readonly List<int> _shortest = [];
    private readonly List<int[]> _stems = [];
    private readonly int[] _stemOf;
    private readonly (int Piece, int Length)[] _places;

    /// <param name="continuations">Ids behind the prompt; empty ones need no reading.</param>
    public ContinuationPlan(IReadOnlyList<int[]> continuations)
    {
        _places = new (int, int)[continuations.Count];
        foreach (var i in Enumerable.Range(0, continuations.Count).Where(i => continuations[i].Length > 0).OrderByDescending(i => continuations[i].Length))
        {
            var ids = continuations[i];
            var piece = _read.FindIndex(longer => longer.AsSpan().StartsWith(ids));
            if (piece < 0)
            {
                piece = _read.Count;
                _read.Add(ids);
                _shortest.Add(ids.Length);
            }

            // From the longest to the shortest: the last one seen is the shortest.
            _shortest[piece] = ids.Length;
            _places[i] = (piece, ids.Length);
        }

        _stemOf = FindStems();
        Rows = _stems.Sum(ids => ids.Length) + Read.Sum(piece => piece.Ids.Length);
    }

    /// <summary>Rows that are added to passes.</summary>
    public int Rows { get; }

    /// <summary>What is read first, and how many rows are needed of each, counted from the last.</summary>
    public IEnumerable<(int[] Ids, int LastRows)> Stems => _stems.Select((ids, stem) => (ids, ids.Length - ShortestOn(stem) + 1));

    /// <summary>What is read behind a stem, or behind the prompt (-1), and how many rows are needed of each, counted from the last.</summary>
    public IEnumerable<(int Stem, int[] Ids, int LastRows)> Read => _read.Select((ids, piece) =>
    {
        var start = StemLength(piece);
        return (_stemOf[piece], ids[start..], ids.Length - Math.Max(_shortest[piece], start + 1) + 1);
    });

    /// <summary>The row behind each continuation.</summary>
    /// <param name="prompt">The row behind the prompt, for empty ones.</param>
    /// <param name="stems">The last rows of the stems.</param>
    /// <param name="pieces">The last rows of what was read behind them.</param>
    public float[][] RowsOf(float[] prompt, IReadOnlyList<Piece> stems, IReadOnlyList<Piece> pieces) => [.. _places.Select(place =>
    {
        if (place.Length == 0)
        {
            return prompt;
        }

        return place.Length <= StemLength(place.Piece)
            ? stems[_stemOf[place.Piece]].Rows[^(StemLength(place.Piece) - place.Length + 1)]
            : pieces[place.Piece].Rows[^(_read[place.Piece].Length - place.Length + 1)];
    })];

    private int StemLength(int piece) => _stemOf[piece] < 0 ? 0 : _stems[_stemOf[piece]].Length;

    private int ShortestOn(int stem) =>
        Enumerable.Range(0, _read.Count).Where(piece => _stemOf[piece] == stem).Min(piece => Math.Min(_shortest[piece], _stems[stem].Length));

    /// <summary>The stem of each piece: what it shares with the neighbour, in the order of a dictionary, that it shares most with.</summary>
    private int[] FindStems()
    {
        var stemOf = new int[_read.Count];
        Array.Fill(stemOf, -1);
        int[] order = [.. Enumerable.Range(0, _read.Count)];
        Array.Sort(order, (a, b) => _read[a].AsSpan().SequenceCompareTo(_read[b]));
        var saved = 0;
        for (var i = 0; i < order.Length; i++)
        {
            var ids = _read[order[i]];
            var shared = Math.Max(
                i > 0 ? ids.AsSpan().CommonPrefixLength(_read[order[i - 1]]) : 0,
                i < order.Length - 1 ? ids.AsSpan().CommonPrefixLength(_read[order[i + 1]]) : 0);
            if (shared == 0)
            {
                continue;
            }

            stemOf[order[i]] = _stems.FindIndex(stem => stem.AsSpan().SequenceEqual(ids.AsSpan(0, shared)));
            saved += shared;
            if (stemOf[order[i]] < 0)
            {
                stemOf[order[i]] = _stems.Count;
                _stems.Add(ids[..shared]);
                saved -= shared;
            }
        }

        if (saved < LeastSaving)
        {
            _stems.Clear();
            Array.Fill(stemOf, -1);
        }

        return stemOf;
    }
}
