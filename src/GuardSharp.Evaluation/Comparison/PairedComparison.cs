using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Comparison;

/// <summary>A metric of two guards over the same rows.</summary>
/// <param name="First">Of the first guard; null where it is undefined.</param>
/// <param name="Second">Of the second guard.</param>
/// <param name="Difference">Second minus first; its interval is the bootstrap over rows that are drawn for both guards alike.</param>
public readonly record struct PairedMetric(double? First, double? Second, Estimate Difference);

/// <summary>Two guards over the same labelled rows. Differences are second minus first.</summary>
/// <param name="Rows">Rows of both.</param>
/// <param name="UnsafeRows">Unsafe ones among them.</param>
/// <param name="SafeRows">Safe ones among them.</param>
/// <param name="Metrics">By name: f1, auroc, auprc, recall, fpr, precision.</param>
/// <param name="Tests">McNemar's test by the rows it is about: all, unsafe (recall), safe (false positive rate).</param>
public sealed record PairedComparison(
    long Rows, long UnsafeRows, long SafeRows, IReadOnlyDictionary<string, PairedMetric> Metrics, IReadOnlyDictionary<string, McNemar> Tests)
{
    private static readonly (string Name, Func<BinaryMetrics, double?> Of)[] _metrics =
    [
        ("f1", metrics => metrics.F1),
        ("auroc", metrics => metrics.Auroc),
        ("auprc", metrics => metrics.Auprc),
        ("recall", metrics => metrics.Recall),
        ("fpr", metrics => metrics.FalsePositiveRate),
        ("precision", metrics => metrics.Precision),
    ];

    /// <summary>Mean AUROC over the sources with enough rows of each class, for both; its interval is the bootstrap within the sources.</summary>
    public required PairedMetric MeanAurocOverSources { get; init; }

    /// <summary>Compares two files of predictions of the same labelled file.</summary>
    /// <param name="samplesPath">The labelled rows.</param>
    /// <param name="first">Predictions, in any order; each row needs exactly one.</param>
    /// <param name="second">Predictions of the other guard.</param>
    /// <param name="options">Resamples and seed; null for the defaults.</param>
    /// <exception cref="GuardException">A file is damaged, or a row lacks a prediction.</exception>
    public static PairedComparison OfFiles(string samplesPath, string first, string second, ReportOptions? options = null) =>
        Of(PredictionsById.Join(samplesPath, first), PredictionsById.Join(samplesPath, second), options);

    /// <summary>Compares two guards' judged rows.</summary>
    /// <param name="first">Rows of the first guard.</param>
    /// <param name="second">The same rows, in the same order, of the second guard.</param>
    /// <param name="options">Resamples and seed; null for the defaults.</param>
    /// <exception cref="GuardException">The rows are not the same.</exception>
    public static PairedComparison Of(IReadOnlyList<JudgedSample> first, IReadOnlyList<JudgedSample> second, ReportOptions? options = null)
    {
        options ??= new ReportOptions();
        if (first.Count == 0 || first.Count != second.Count || first.Zip(second).Any(pair => pair.First.Id != pair.Second.Id || pair.First.IsUnsafe != pair.Second.IsUnsafe))
        {
            throw new SampleFileException($"The guards judged different rows ({first.Count} and {second.Count}). Compare predictions of the same labelled file.");
        }

        var (a, b) = (RankingOf(first), RankingOf(second));
        var (valueA, valueB) = (a.Measure(), b.Measure());
        var draws = Bootstrap.Samples(first.Count, options.Resamples, options.Seed).Select(times => (A: a.Measure(times), B: b.Measure(times))).ToList();
        return new PairedComparison(
            valueA.Rows,
            valueA.UnsafeRows,
            valueA.SafeRows,
            _metrics.ToDictionary(metric => metric.Name, metric => Paired(metric.Of(valueA), metric.Of(valueB), [.. draws.Select(draw => metric.Of(draw.B) - metric.Of(draw.A))])),
            new Dictionary<string, McNemar>
            {
                ["all"] = Test(first, second, _ => true),
                ["unsafe"] = Test(first, second, row => row.IsUnsafe),
                ["safe"] = Test(first, second, row => !row.IsUnsafe),
            })
        {
            MeanAurocOverSources = MeanAuroc(first, second, options),
        };
    }

    private static PairedMetric Paired(double? first, double? second, double?[] differences) =>
        new(first, second, second - first is { } difference ? new Estimate(difference, Bootstrap.IntervalOf(differences)) : default);

    private static McNemar Test(IReadOnlyList<JudgedSample> first, IReadOnlyList<JudgedSample> second, Func<JudgedSample, bool> isMeant)
    {
        var right = first.Zip(second).Where(pair => isMeant(pair.First)).Select(pair => (A: IsRight(pair.First), B: IsRight(pair.Second))).ToList();
        return McNemar.Of(right.LongCount(pair => pair.A && !pair.B), right.LongCount(pair => pair.B && !pair.A));
    }

    private static PairedMetric MeanAuroc(IReadOnlyList<JudgedSample> first, IReadOnlyList<JudgedSample> second, ReportOptions options)
    {
        var sources = first.Zip(second).GroupBy(pair => pair.First.Source).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Where(group => group.Count(pair => pair.First.IsUnsafe) >= options.MinRowsOfEachClass && group.Count(pair => !pair.First.IsUnsafe) >= options.MinRowsOfEachClass)
            .Select(group => (A: RankingOf([.. group.Select(pair => pair.First)]), B: RankingOf([.. group.Select(pair => pair.Second)]))).ToList();
        if (sources.Count == 0)
        {
            return default;
        }

        // Every source has draws of its own: sources are taken as given, their rows are not.
        var draws = sources.Select((source, index) => Bootstrap.Samples(source.A.Count, options.Resamples, options.Seed + (ulong)index)
            .Select(times => source.B.Measure(times).Auroc - source.A.Measure(times).Auroc).ToArray()).ToList();
        var means = Enumerable.Range(0, draws.Min(source => source.Length)).Select(draw => draws.All(source => source[draw] is not null) ? draws.Average(source => source[draw]) : null);
        return Paired(sources.Average(source => source.A.Measure().Auroc), sources.Average(source => source.B.Measure().Auroc), [.. means]);
    }

    private static bool IsRight(JudgedSample row) => row.Prediction.IsUnsafe == row.IsUnsafe;

    private static Ranking RankingOf(IReadOnlyList<JudgedSample> rows) =>
        new([.. rows.Select(row => new ScoredRow(row.IsUnsafe, row.Prediction.UnsafeProbability, row.Prediction.IsUnsafe))]);
}
