using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Reports;

/// <summary>Means over groups, each group weighing the same; null where no group qualifies. The intervals are bootstraps within the groups: the groups themselves are taken as given.</summary>
/// <param name="Groups">Names of the groups that qualify, sorted.</param>
/// <param name="Auroc">Mean AUROC.</param>
/// <param name="Auprc">Mean AUPRC.</param>
/// <param name="F1">Mean F1.</param>
/// <param name="Recall">Mean recall.</param>
/// <param name="FalsePositiveRate">Mean false positive rate.</param>
public sealed record MeanReport(IReadOnlyList<string> Groups, Estimate Auroc, Estimate Auprc, Estimate F1, Estimate Recall, Estimate FalsePositiveRate)
{
    internal static MeanReport Of(IReadOnlyList<(string Name, GroupReport Report, Bootstrap Draws)> groups)
    {
        Estimate Mean(Func<BinaryMetrics, double?> metric) => MeanReport.Mean(
            [.. groups.Select(group => metric(group.Report.Metrics))], [.. groups.Select(group => group.Draws.Draws.Select(metric).ToArray())]);
        return new MeanReport(
            [.. groups.Select(group => group.Name)],
            Mean(metrics => metrics.Auroc),
            Mean(metrics => metrics.Auprc),
            Mean(metrics => metrics.F1),
            Mean(metrics => metrics.Recall),
            Mean(metrics => metrics.FalsePositiveRate));
    }

    private static Estimate Mean(double?[] values, double?[][] draws)
    {
        if (values.Length == 0 || values.Any(value => value is null))
        {
            return default;
        }

        var means = new double?[draws.Min(group => group.Length)];
        for (var draw = 0; draw < means.Length; draw++)
        {
            // A draw counts only where every group has a value in it, or the means would be over different groups.
            means[draw] = draws.All(group => group[draw] is not null) ? draws.Average(group => group[draw]!.Value) : null;
        }

        return new Estimate(values.Average(value => value!.Value), Bootstrap.IntervalOf(means));
    }
}
