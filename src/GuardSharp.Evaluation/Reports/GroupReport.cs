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
    /// <summary>Measures the rows and keeps the draws for means over groups.</summary>
    internal static (GroupReport Report, Bootstrap Draws) Of(ScoredRow[] rows, int resamples, ulong seed)
    {
        var ranking = new Ranking(rows);
        var metrics = ranking.Measure();
        var draws = Bootstrap.Draw(ranking, resamples, seed);
        var report = new GroupReport(
            metrics,
            Interval.Wilson(metrics.TruePositives, metrics.TruePositives + metrics.FalsePositives),
            Interval.Wilson(metrics.TruePositives, metrics.UnsafeRows),
            Interval.Wilson(metrics.FalsePositives, metrics.SafeRows),
            metrics.F1 is null ? null : Bootstrap.IntervalOf(draws.F1),
            metrics.Auroc is null ? null : Bootstrap.IntervalOf(draws.Auroc),
            metrics.Auprc is null ? null : Bootstrap.IntervalOf(draws.Auprc));
        return (report, draws);
    }
}

/// <summary>Means over groups, each group weighing the same; null where no group qualifies.</summary>
/// <param name="Groups">Names of the groups that qualify, sorted.</param>
/// <param name="Auroc">Mean AUROC.</param>
/// <param name="AurocInterval">Bootstrap within the groups: the groups themselves are taken as given.</param>
/// <param name="Auprc">Mean AUPRC.</param>
/// <param name="AuprcInterval">Bootstrap within the groups.</param>
/// <param name="F1">Mean F1.</param>
/// <param name="F1Interval">Bootstrap within the groups.</param>
public sealed record MeanReport(
    IReadOnlyList<string> Groups, double? Auroc, Interval? AurocInterval, double? Auprc, Interval? AuprcInterval, double? F1, Interval? F1Interval)
{
    internal static MeanReport Of(IReadOnlyList<(string Name, GroupReport Report, Bootstrap Draws)> groups)
    {
        var (auroc, aurocInterval) = Mean([.. groups.Select(group => group.Report.Metrics.Auroc)], [.. groups.Select(group => group.Draws.Auroc)]);
        var (auprc, auprcInterval) = Mean([.. groups.Select(group => group.Report.Metrics.Auprc)], [.. groups.Select(group => group.Draws.Auprc)]);
        var (f1, f1Interval) = Mean([.. groups.Select(group => group.Report.Metrics.F1)], [.. groups.Select(group => group.Draws.F1)]);
        return new MeanReport([.. groups.Select(group => group.Name)], auroc, aurocInterval, auprc, auprcInterval, f1, f1Interval);
    }

    private static (double? Mean, Interval? Interval) Mean(double?[] values, double?[][] draws)
    {
        if (values.Length == 0 || values.Any(value => value is null))
        {
            return (null, null);
        }

        var means = new double?[draws.Min(group => group.Length)];
        for (var draw = 0; draw < means.Length; draw++)
        {
            // A draw counts only where every group has a value in it, or the means would be over different groups.
            means[draw] = draws.All(group => group[draw] is not null) ? draws.Average(group => group[draw]!.Value) : null;
        }

        return (values.Average(value => value!.Value), Bootstrap.IntervalOf(means));
    }
}
