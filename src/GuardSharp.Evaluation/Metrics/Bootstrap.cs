namespace GuardSharp.Evaluation.Metrics;

/// <summary>The percentile bootstrap (B. Efron, 1979): rows drawn with replacement, the metrics of each draw.</summary>
/// <remarks>
/// Repeatable: the same rows, seed and number of resamples give the same draws on every machine. Rankings of the same rows in the same order with the
/// same seed get the same draws, so that their differences and means keep what they have in common.
/// </remarks>
internal sealed class Bootstrap
{
    // Past this many drawn rows the intervals no longer change visibly and only the wait grows; 200 resamples are the least that give a 95 % interval.
    private const long MaxDrawnRows = 400_000_000;
    private const int MinResamples = 200;

    private Bootstrap(BinaryMetrics[] draws) => Draws = draws;

    /// <summary>The metrics of each draw.</summary>
    public IReadOnlyList<BinaryMetrics> Draws { get; }

    /// <summary>Draws resamples of a ranking's rows.</summary>
    public static Bootstrap Draw(Ranking ranking, int resamples, ulong seed) =>
        new([.. Samples(ranking.Count, resamples, seed).Select(times => ranking.Measure(times))]);

    /// <summary>How often each of so many rows is in each resample. The array is the same one each time, filled anew.</summary>
    public static IEnumerable<int[]> Samples(int rows, int resamples, ulong seed)
    {
        var draws = (int)Math.Clamp(MaxDrawnRows / Math.Max(1, rows), Math.Min(MinResamples, resamples), resamples);
        var times = new int[rows];
        var random = new SplitMix(seed);
        for (var draw = 0; draw < draws; draw++)
        {
            Array.Clear(times);
            for (var i = 0; i < times.Length; i++)
            {
                times[random.Below(times.Length)]++;
            }

            yield return times;
        }
    }

    /// <summary>The middle 95 % of a metric over the draws.</summary>
    public Interval? IntervalOf(Func<BinaryMetrics, double?> metric) => IntervalOf([.. Draws.Select(metric)]);

    /// <summary>The middle 95 % of the draws that have a value; null where fewer than half do, for then the rest is no sample of anything.</summary>
    public static Interval? IntervalOf(IReadOnlyList<double?> draws)
    {
        double[] values = [.. draws.Where(value => value.HasValue).Select(value => value!.Value)];
        return values.Length * 2 < draws.Count ? null : Interval.OfDraws(values);
    }
}
