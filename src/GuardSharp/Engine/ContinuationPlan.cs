namespace GuardSharp.Engine;

/// <summary>Which continuations have to be read, and what of them is read once for several.</summary>
/// <remarks>
/// One that another begins with is read with it, for the row behind each token is computed anyway. What earlier questions about the prompt have
/// read is not read again. Where many others begin alike (fourteen categories behind the same list) that stem is read first, and the rest of each
/// stands on it. A stem costs a pass, so there are some only where enough rows are saved.
/// </remarks>
internal sealed class ContinuationPlan
{
    // A pass reads all weights once: what 32 rows more cost beside it is about the same.
    private const int LeastSaving = 32;

    private readonly List<int[]> _read = [];
    private readonly List<int> _shortest = [];
    private readonly List<int[]> _stems = [];
    private readonly int[] _stemOf;
    private readonly (int Branch, int Length)[] _known;
    private readonly (int Piece, int Length)[] _places;

    /// <param name="continuations">Ids behind the prompt; empty ones need no reading.</param>
    /// <param name="branches">What is known of earlier questions, oldest first.</param>
    public ContinuationPlan(IReadOnlyList<int[]> continuations, IReadOnlyList<Branch> branches)
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

        _known = [.. _read.Select((ids, piece) => Known(ids, _shortest[piece] - 1, branches))];
        _stemOf = FindStems();
        Rows = _stems.Sum(ids => ids.Length) + _read.Select((ids, piece) => ids.Length - Start(piece)).Sum();
    }

    /// <summary>Rows that are added to passes.</summary>
    public int Rows { get; }

    /// <summary>What is read first, and how many rows are needed of each, counted from the last.</summary>
    public IEnumerable<(int[] Ids, int LastRows)> Stems => _stems.Select((ids, stem) => (ids, ids.Length - ShortestOn(stem) + 1));

    /// <summary>What is read behind a stem, behind the first ids of a branch, or behind the prompt (both -1).</summary>
    public IEnumerable<PlannedPiece> Read => _read.Select((ids, piece) =>
    {
        var start = Start(piece);
        return new PlannedPiece(_stemOf[piece], _known[piece].Branch, start, ids, ids.Length - Math.Max(_shortest[piece], start + 1) + 1);
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

    // Ids of a piece that are read elsewhere.
    private int Start(int piece) => Math.Max(StemLength(piece), _known[piece].Length);

    /// <summary>The oldest branch that has most of a continuation's first ids: it holds the last of them itself, while later ones may stand on it.</summary>
    private static (int Branch, int Length) Known(int[] ids, int most, IReadOnlyList<Branch> branches)
    {
        var (best, length) = (-1, 0);
        for (var i = 0; i < branches.Count; i++)
        {
            var common = Math.Min(most, ids.AsSpan().CommonPrefixLength(branches[i].Ids));
            if (common > length)
            {
                (best, length) = (i, common);
            }
        }

        return (best, length);
    }

    private int StemLength(int piece) => _stemOf[piece] < 0 ? 0 : _stems[_stemOf[piece]].Length;

    private int ShortestOn(int stem) =>
        Enumerable.Range(0, _read.Count).Where(piece => _stemOf[piece] == stem).Min(piece => Math.Min(_shortest[piece], _stems[stem].Length));

    /// <summary>The stem of each piece of which nothing is known: what it shares with the neighbour, in the order of a dictionary, that it shares most with.</summary>
    private int[] FindStems()
    {
        var stemOf = new int[_read.Count];
        Array.Fill(stemOf, -1);
        int[] order = [.. Enumerable.Range(0, _read.Count).Where(piece => _known[piece].Branch < 0)];
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

/// <summary>A continuation, or several of which one begins with the others, as it is read.</summary>
/// <param name="Stem">The stem it stands on; -1: none.</param>
/// <param name="Branch">The branch it stands on; -1: none.</param>
/// <param name="Start">How many of its ids the stem or branch has read.</param>
/// <param name="Ids">All its ids.</param>
/// <param name="LastRows">Rows that are needed, counted from the last.</param>
internal readonly record struct PlannedPiece(int Stem, int Branch, int Start, int[] Ids, int LastRows)
{
    /// <summary>The ids that are read.</summary>
    public int[] Rest => Ids[Start..];
}
