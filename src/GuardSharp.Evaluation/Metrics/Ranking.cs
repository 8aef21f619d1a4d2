namespace GuardSharp.Evaluation.Metrics;

/// <summary>Rows sorted once by falling score, so that every resample of a bootstrap is one pass over them.</summary>
internal sealed class Ranking
{
    private readonly bool[] _isUnsafe;
    private readonly bool[] _flagged;
    private readonly bool[] _endsTie;
    private readonly double[] _scores;
    private readonly int[] _places;
    private readonly bool _areProbabilities;

    /// <exception cref="GuardException">A score is not a finite number.</exception>
    public Ranking(ScoredRow[] rows)
    {
        var bad = Array.FindIndex(rows, row => !double.IsFinite(row.Score));
        if (bad >= 0)
        {
            throw new GuardException($"Row {bad + 1} has the score {rows[bad].Score}; metrics need finite scores.");
        }

        _places = [.. Enumerable.Range(0, rows.Length).OrderByDescending(row => rows[row].Score)];
        _isUnsafe = Array.ConvertAll(_places, row => rows[row].IsUnsafe);
        _flagged = Array.ConvertAll(_places, row => rows[row].Flagged);
        _scores = Array.ConvertAll(_places, row => rows[row].Score);
        _areProbabilities = rows.All(row => row.Score is >= 0 and <= 1);
        _endsTie = new bool[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            _endsTie[i] = i == rows.Length - 1 || _scores[i] != _scores[i + 1];
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

    /// <summary>The metrics of a sample that holds each row some number of times.</summary>
    /// <param name="times">[Count], in the order in which the rows were given: the same draw fits several rankings of the same rows.</param>
    public BinaryMetrics Measure(ReadOnlySpan<int> times)
    {
        long unsafeAbove = 0, safeAbove = 0, unsafeTied = 0, safeTied = 0, flaggedUnsafe = 0, flaggedSafe = 0;
        long wins = 0;                      // twice the number of (unsafe, safe) pairs in the right order, ties once
        double precisionSum = 0;            // precision at each score level, once per unsafe row there
        for (var i = 0; i < times.Length; i++)
        {
            long weight = times[_places[i]];
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

        var hasBoth = unsafeAbove > 0 && safeAbove > 0;
        return new BinaryMetrics(
            flaggedUnsafe,
            flaggedSafe,
            safeAbove - flaggedSafe,
            unsafeAbove - flaggedUnsafe,
            hasBoth ? wins / (2.0 * unsafeAbove * safeAbove) : null,
            unsafeAbove == 0 ? null : precisionSum / unsafeAbove)
        {
            RecallAtFpr1 = hasBoth ? HitsAt(times, safeAbove / 100) / (double)unsafeAbove : null,
            RecallAtFpr5 = hasBoth ? HitsAt(times, safeAbove / 20) / (double)unsafeAbove : null,
            CalibrationError = CalibrationError(times),
        };
    }

    /// <summary>What would be flagged at each score level, from the highest down: the level, and the unsafe and safe rows that reach it.</summary>
    public IEnumerable<ScoreLevel> Levels()
    {
        var (flaggedUnsafe, flaggedSafe) = (0L, 0L);
        for (var i = 0; i < Count; i++)
        {
            (flaggedUnsafe, flaggedSafe) = _isUnsafe[i] ? (flaggedUnsafe + 1, flaggedSafe) : (flaggedUnsafe, flaggedSafe + 1);
            if (_endsTie[i])
            {
                yield return new ScoreLevel(_scores[i], flaggedUnsafe, flaggedSafe);
            }
        }
    }

    /// <summary>Unsafe rows at or above the lowest score level that at most so many safe rows reach.</summary>
    private long HitsAt(ReadOnlySpan<int> times, long mostSafe)
    {
        long hits = 0, unsafeAbove = 0, safeAbove = 0;
        for (var i = 0; i < times.Length && safeAbove <= mostSafe; i++)
        {
            long weight = times[_places[i]];
            (unsafeAbove, safeAbove) = _isUnsafe[i] ? (unsafeAbove + weight, safeAbove) : (unsafeAbove, safeAbove + weight);
            hits = _endsTie[i] && safeAbove <= mostSafe ? unsafeAbove : hits;
        }

        return hits;
    }

    private double? CalibrationError(ReadOnlySpan<int> times)
    {
        if (!_areProbabilities)
        {
            return null;
        }

        Span<long> rows = stackalloc long[CalibrationBins.Count];
        Span<long> unsafeRows = stackalloc long[CalibrationBins.Count];
        Span<double> scores = stackalloc double[CalibrationBins.Count];
        for (var i = 0; i < times.Length; i++)
        {
            var (bin, weight) = (CalibrationBins.Of(_scores[i]), times[_places[i]]);
            rows[bin] += weight;
            unsafeRows[bin] += _isUnsafe[i] ? weight : 0;
            scores[bin] += weight * _scores[i];
        }

        return CalibrationBins.Error(rows, unsafeRows, scores);
    }
}

/// <summary>A score as a threshold.</summary>
/// <param name="Score">The threshold: rows that reach it are flagged.</param>
/// <param name="FlaggedUnsafe">Unsafe rows that reach it.</param>
/// <param name="FlaggedSafe">Safe rows that reach it.</param>
internal readonly record struct ScoreLevel(double Score, long FlaggedUnsafe, long FlaggedSafe);
