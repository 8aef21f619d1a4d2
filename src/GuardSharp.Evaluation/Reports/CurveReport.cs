using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Reports;

/// <summary>A point of the ROC curve.</summary>
/// <param name="Threshold">Rows that reach it are flagged; null at the start, where none is.</param>
/// <param name="FalsePositiveRate">Share of the safe rows that are flagged there.</param>
/// <param name="Recall">Share of the unsafe rows that are flagged there.</param>
public readonly record struct RocPoint(double? Threshold, double FalsePositiveRate, double Recall);

/// <summary>A point of the precision-recall curve.</summary>
/// <param name="Threshold">Rows that reach it are flagged.</param>
/// <param name="Recall">Share of the unsafe rows that are flagged there.</param>
/// <param name="Precision">Share of the flagged rows that are unsafe.</param>
public readonly record struct PrecisionRecallPoint(double Threshold, double Recall, double Precision);

/// <summary>A bin of the reliability plot.</summary>
/// <param name="Low">Its lowest score.</param>
/// <param name="High">Where the next begins; the last holds its upper end.</param>
/// <param name="Rows">Rows in it.</param>
/// <param name="MeanScore">Their mean score; null where there are none.</param>
/// <param name="UnsafeShare">The share of them that is unsafe, with Wilson's interval; null where there are none.</param>
public sealed record ReliabilityBin(double Low, double High, long Rows, double? MeanScore, Estimate UnsafeShare);

/// <summary>What plots of a group of rows are drawn from.</summary>
/// <param name="Roc">From nothing flagged to everything; thinned, the ends kept. Empty without rows of both classes.</param>
/// <param name="PrecisionRecall">By rising recall; thinned, the ends kept. Empty without unsafe rows.</param>
/// <param name="Reliability">Ten bins over [0, 1]. Empty where a score lies outside.</param>
public sealed record CurveReport(IReadOnlyList<RocPoint> Roc, IReadOnlyList<PrecisionRecallPoint> PrecisionRecall, IReadOnlyList<ReliabilityBin> Reliability)
{
    // More points than a plot has columns only make files longer.
    private const int Steps = 200;

    /// <summary>The curves of judged rows, by the guard's P(unsafe).</summary>
    public static CurveReport Of(IEnumerable<JudgedSample> samples) =>
        Of([.. samples.Select(sample => new ScoredRow(sample.IsUnsafe, sample.Prediction.UnsafeProbability, sample.Prediction.IsUnsafe))]);

    internal static CurveReport Of(ScoredRow[] rows)
    {
        var levels = new Ranking(rows).Levels().ToList();
        double unsafeRows = rows.Count(row => row.IsUnsafe), safeRows = rows.Length - unsafeRows;
        var roc = levels.Select(level => new RocPoint(level.Score, level.FlaggedSafe / safeRows, level.FlaggedUnsafe / unsafeRows)).Prepend(new RocPoint(null, 0, 0));
        var pairs = levels.Select(level => new PrecisionRecallPoint(level.Score, level.FlaggedUnsafe / unsafeRows, level.FlaggedUnsafe / (double)(level.FlaggedUnsafe + level.FlaggedSafe)));
        return new CurveReport(
            unsafeRows > 0 && safeRows > 0 ? Thin([.. roc], point => (point.FalsePositiveRate + point.Recall) / 2) : [],
            unsafeRows > 0 ? Thin([.. pairs], point => point.Recall) : [],
            rows.All(row => row.Score is >= 0 and <= 1) ? Bins(rows) : []);
    }

    /// <summary>The first point, the last, and the first of every step that the curve has gone on.</summary>
    private static List<T> Thin<T>(List<T> points, Func<T, double> way)
    {
        var kept = new List<T>();
        var step = -1;
        for (var i = 0; i < points.Count; i++)
        {
            var at = (int)(way(points[i]) * Steps);
            if (at > step || i == points.Count - 1)
            {
                kept.Add(points[i]);
                step = at;
            }
        }

        return kept;
    }

    private static List<ReliabilityBin> Bins(ScoredRow[] rows)
    {
        var groups = rows.ToLookup(row => CalibrationBins.Of(row.Score));
        return [.. Enumerable.Range(0, CalibrationBins.Count).Select(bin =>
        {
            var (count, hits) = (groups[bin].LongCount(), groups[bin].LongCount(row => row.IsUnsafe));
            var (low, high) = ((double)bin / CalibrationBins.Count, (double)(bin + 1) / CalibrationBins.Count);
            return count == 0
                ? new ReliabilityBin(low, high, 0, null, default)
                : new ReliabilityBin(low, high, count, groups[bin].Average(row => row.Score), new Estimate((double)hits / count, Interval.Wilson(hits, count)));
        })];
    }
}
