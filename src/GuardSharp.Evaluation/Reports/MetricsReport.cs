using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Reports;

/// <summary>How a report is computed.</summary>
/// <param name="Resamples">Bootstrap resamples a group, 0 to 100,000; fewer are drawn for groups above 400,000 rows.</param>
/// <param name="Seed">Seed of the bootstrap: the same seed gives the same report.</param>
/// <param name="MinRowsOfEachClass">A source enters the mean over sources when it has at least so many safe and so many unsafe rows.</param>
public sealed record ReportOptions(int Resamples = 1000, ulong Seed = 1, int MinRowsOfEachClass = 50);

/// <summary>A guard's metrics over a labelled set and its parts.</summary>
/// <param name="Options">How it was computed.</param>
/// <param name="Overall">All rows pooled. Where most sources hold one class only, this measures the source: see <paramref name="MeanOverSources"/>.</param>
/// <param name="MeanOverSources">Equally weighted mean over the sources with enough rows of each class.</param>
/// <param name="MeanOverCategories">Equally weighted mean over the categories that have unsafe rows.</param>
/// <param name="BySource">Each data set.</param>
/// <param name="ByLanguage">Each language.</param>
/// <param name="ByTask">Prompt and response.</param>
/// <param name="ByCategory">Each category, one against rest over its probability and the listed categories; unsafe rows whose categories nobody labelled are left out.</param>
/// <param name="ByImages">By number of images: 0, 1, 2-5, 6+.</param>
/// <remarks>Numbers only; for the rows see <see cref="EvaluationResult"/>.</remarks>
public sealed record MetricsReport(
    ReportOptions Options,
    GroupReport Overall,
    MeanReport MeanOverSources,
    MeanReport MeanOverCategories,
    IReadOnlyDictionary<string, GroupReport> BySource,
    IReadOnlyDictionary<string, GroupReport> ByLanguage,
    IReadOnlyDictionary<string, GroupReport> ByTask,
    IReadOnlyDictionary<string, GroupReport> ByCategory,
    IReadOnlyDictionary<string, GroupReport> ByImages)
{
    /// <summary>Equally weighted mean over those of the card's seven languages (<see cref="CardReport.Languages"/>) that have rows of both classes.</summary>
    public required MeanReport MeanOverLanguages { get; init; }

    /// <summary>The Llama Guard 4 card's table, by task.</summary>
    public required IReadOnlyDictionary<string, CardReport> Card { get; init; }

    /// <summary>What plots of all rows are drawn from.</summary>
    public required CurveReport Curves { get; init; }

    /// <summary>What a reader must know to trust the numbers, in words; holds no user text.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Computes the report.</summary>
    /// <param name="samples">Judged rows, in any order.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="GuardException">There are no rows.</exception>
    public static MetricsReport Of(IReadOnlyList<JudgedSample> samples, ReportOptions? options = null)
    {
        options ??= new ReportOptions();
        if (samples.Count == 0)
        {
            throw new GuardException("There are no judged rows, so there is nothing to measure.");
        }

        var breakdown = new Breakdown(samples, options);
        var sources = breakdown.Split("source", sample => sample.Source);
        var categories = breakdown.SplitByCategory();
        var languages = breakdown.Split("language", sample => sample.Language);
        return new MetricsReport(
            options,
            breakdown.Whole(),
            MeanReport.Of([.. sources.Where(group => HasBothClasses(group.Report.Metrics, options))]),
            MeanReport.Of([.. categories.Where(group => group.Report.Metrics is { UnsafeRows: > 0, SafeRows: > 0 })]),
            Breakdown.ByName(sources),
            Breakdown.ByName(languages),
            Breakdown.ByName(breakdown.Split("task", sample => NameOf(sample.Task))),
            Breakdown.ByName(categories),
            Breakdown.ByName(breakdown.Split("images", sample => sample.ImageCount switch { 0 => "0", 1 => "1", <= 5 => "2-5", _ => "6+" })))
        {
            MeanOverLanguages = MeanReport.Of([.. languages.Where(group => CardReport.Languages.Contains(group.Name) && group.Report.Metrics is { UnsafeRows: > 0, SafeRows: > 0 })]),
            Card = samples.Select(sample => sample.Task).Distinct().Order().ToDictionary(NameOf, task => CardReport.Of(samples, task, options)),
            Curves = CurveReport.Of(samples),
            Notes = ReportNotes.Of(samples),
        };
    }

    private static string NameOf(SampleTask task) => task == SampleTask.Prompt ? "prompt" : "response";

    private static bool HasBothClasses(BinaryMetrics metrics, ReportOptions options) =>
        metrics.UnsafeRows >= options.MinRowsOfEachClass && metrics.SafeRows >= options.MinRowsOfEachClass;
}
