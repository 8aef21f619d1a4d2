namespace GuardSharp.Engine;

/// <summary>Which continuations have to be read: one that another begins with is read with it, for the row behind each token is computed anyway.</summary>
internal sealed class ContinuationPlan
{
    private readonly List<int[]> _read = [];
    private readonly List<int> _shortest = [];
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

        Rows = _read.Sum(ids => ids.Length);
    }

    /// <summary>Rows that are added to a pass.</summary>
    public int Rows { get; }

    /// <summary>What is read, and how many rows are needed of each, counted from the last.</summary>
    public IEnumerable<(int[] Ids, int LastRows)> Read => _read.Select((ids, piece) => (ids, ids.Length - _shortest[piece] + 1));

    /// <summary>The row behind each continuation.</summary>
    /// <param name="prompt">The row behind the prompt, for empty ones.</param>
    /// <param name="pieces">The last rows of what was read.</param>
    public float[][] RowsOf(float[] prompt, IReadOnlyList<Piece> pieces) =>
        [.. _places.Select(place => place.Length == 0 ? prompt : pieces[place.Piece].Rows[^(_read[place.Piece].Length - place.Length + 1)])];
}
