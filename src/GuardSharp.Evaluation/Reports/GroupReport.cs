using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Reports;

/// <summary>The metrics of a group of rows with their 95 % intervals.</summary>
/// <param name="Metrics">Counts and metrics.</param>
/// <param name="Precision">Wilson.</param>
/// <param name="Recall">Wilson.</param>
/// <param name="FalsePositiveRate">Wilson.</param>
/// <param name="F1">Bootstrap.</param>
/// <param name="Auroc">Bootstrap.</param>
/// <param name="Auprc">Bootstrap.</param>
public sealed record GroupReport(
    BinaryMetrics Metrics, Interval? Precision, Interval? Recall, Interval? FalsePositiveRate, Interval? F1, Interval? Auroc, Interval? Auprc)
{
    /// <summary>Bootstrap; the threshold is found anew in each draw.</summary>
    public Interval? RecallAtFpr1 { get; init; }

    /// <summary>Bootstrap; the threshold is found anew in each draw.</summary>
    public Interval? RecallAtFpr5 { get; init; }

    /// <summary>Bootstrap. Chance in the bins adds to the error, so in small groups the interval may lie above the value.</summary>
    public Interval? CalibrationError { get; init; }

    /// <summary>Measures the rows and keeps the draws for means over groups.</summary>
    internal static (GroupReport Report, Bootstrap Draws) Of(ScoredRow[] rows, int resamples, ulong seed)
    {
        var ranking = new Ranking(rows);
        var metrics = ranking.Measure();
        var draws = Bootstrap.Draw(ranking, resamples, seed);
        Interval? Drawn(Func<BinaryMetrics, double?> metric) => metric(metrics) is null ? null : draws.IntervalOf(metric);
        var report = new GroupReport(
            metrics,
            Interval.Wilson(metrics.TruePositives, metrics.TruePositives + metrics.FalsePositives),
            Interval.Wilson(metrics.TruePositives, metrics.UnsafeRows),
            Interval.Wilson(metrics.FalsePositives, metrics.SafeRows),
            Drawn(draw => draw.F1),
            Drawn(draw => draw.Auroc),
            Drawn(draw => draw.Auprc))
        {
            RecallAtFpr1 = Drawn(draw => draw.RecallAtFpr1),
            RecallAtFpr5 = Drawn(draw => draw.RecallAtFpr5),
            CalibrationError = Drawn(draw => draw.CalibrationError),
        };
        return (report, draws);
    }
}
