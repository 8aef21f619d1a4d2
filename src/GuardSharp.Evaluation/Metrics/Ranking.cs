namespace GuardSharp.Evaluation.Metrics;

/// <summary>Rows sorted once by falling score, so that every resample of a bootstrap is one pass over them.</summary>
internal sealed class Ranking
{
    private readonly bool[] _isUnsafe;
    private readonly bool[] _flagged;
    private readonly bool[] _endsTie;

    /// <exception cref="GuardException">A score is not a finite number.</exception>
    public Ranking(ScoredRow[] rows)
    {
        var bad = Array.FindIndex(rows, row => !double.IsFinite(row.Score));
        if (bad >= 0)
        {
            throw new GuardException($"Row {bad + 1} has the score {rows[bad].Score}; metrics need finite scores.");
        }

        ScoredRow[] sorted = [.. rows.OrderByDescending(row => row.Score)];
        _isUnsafe = Array.ConvertAll(sorted, row => row.IsUnsafe);
        _flagged = Array.ConvertAll(sorted, row => row.Flagged);
        _endsTie = new bool[sorted.Length];
        for (var i = 0; i < sorted.Length; i++)
        {
            _endsTie[i] = i == sorted.Length - 1 || sorted[i].Score != sorted[i + 1].Score;
        }
    }

    /// <summary>Number of rows.</summary>
    public int Count => _isUnsafe.Length;

    /// <summary>The metrics of every row taken once.</summary>
    public BinaryMetrics Measure()
    {
        var once = new int[Count];
        Array.Fill(once, 1);
        return Measure(once);
    }

    /// <summary>The metrics of a sample that holds the row at each place of the ranking <paramref name="times"/> times.</summary>
    /// <param name="times">[Count], in ranking order.</param>
    public BinaryMetrics Measure(ReadOnlySpan<int> times)
    {
        long unsafeAbove = 0, safeAbove = 0, unsafeTied = 0, safeTied = 0, flaggedUnsafe = 0, flaggedSafe = 0;
        long wins = 0;                      // twice the number of (unsafe, safe) pairs in the right order, ties once
        double precisionSum = 0;            // precision at each score level, once per unsafe row there
        for (var i = 0; i < times.Length; i++)
        {
            long weight = times[i];
            if (_isUnsafe[i])
            {
                unsafeTied += weight;
                flaggedUnsafe += _flagged[i] ? weight : 0;
            }
            else
            {
                safeTied += weight;
                flaggedSafe += _flagged[i] ? weight : 0;
            }

            if (_endsTie[i])
            {
                wins += safeTied * ((2 * unsafeAbove) + unsafeTied);
                unsafeAbove += unsafeTied;
                safeAbove += safeTied;
                precisionSum += unsafeTied == 0 ? 0 : unsafeTied * ((double)unsafeAbove / (unsafeAbove + safeAbove));
                unsafeTied = safeTied = 0;
            }
        }

        return new BinaryMetrics(
            flaggedUnsafe,
            flaggedSafe,
            safeAbove - flaggedSafe,
            unsafeAbove - flaggedUnsafe,
            unsafeAbove == 0 || safeAbove == 0 ? null : wins / (2.0 * unsafeAbove * safeAbove),
            unsafeAbove == 0 ? null : precisionSum / unsafeAbove);
    }
}
