using System.Globalization;
using System.Reflection;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Evaluation.Html;

/// <summary>The page of an evaluation: what was measured in numbers, plots and tables, and where the guard was surely wrong.</summary>
/// <param name="facts">What the run was.</param>
/// <param name="result">What it came to.</param>
/// <param name="mistakes">Its mistakes; null: they are left out.</param>
internal sealed class EvaluationPage(ReportFacts facts, EvaluationResult result, Mistakes? mistakes)
{
    private readonly MetricsReport _report = result.Report;
    private readonly EvaluationPlots _plots = new(result);

    /// <summary>The whole page.</summary>
    public Markup Write() => PageShell.Of(
        $"{result.Model} on {Path.GetFileName(result.SamplesPath)}",
        Markup.Of($"""
            <header><h1>{result.Model} on {Path.GetFileName(result.SamplesPath)}</h1>
            {Facts()}
            <nav aria-label="Parts of the report"><ul><li><a href="#numbers">Numbers</a></li><li><a href="#plots">Plots</a></li><li><a href="#groups">Groups</a></li><li><a href="#thresholds">Thresholds</a></li><li><a href="#mistakes">Mistakes</a></li><li><a href="#reading">How to read it</a></li></ul></nav></header>
            <main>
            <h2 id="numbers">Numbers</h2>
            {Cards()}
            {Notes()}
            <h2 id="plots">Plots</h2>
            <div class="plots">
            {Markup.Join(_plots.All().Select(figure => figure.ToMarkup()))}</div>
            <h2 id="groups">Groups</h2>
            {Groups()}
            <h2 id="thresholds">Thresholds</h2>
            {PageTables.Thresholds(result.Rows)}
            <h2 id="mistakes">Mistakes</h2>
            {MistakeSection()}
            {Reading()}
            </main>
            """));

    private Markup Facts()
    {
        var metrics = _report.Overall.Metrics;
        List<(string Name, string Value)> lines =
        [
            ("guard", result.Model),
            ("rows", string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(result.SamplesPath)}: {metrics.Rows:N0}, {metrics.UnsafeRows:N0} of them unsafe{(result.LastImage ? "; of several images the last alone" : "")}")),
            ("threshold", Threshold()),
            .. facts.Guard is { } guard ? [("policy", guard.Policy), .. guard.Settings.Where(setting => setting.Value.Length > 0).Select(setting => (setting.Key, setting.Value))] : Array.Empty<(string, string)>(),
            ("made", $"{facts.Made.ToUniversalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC by GuardSharp {Version()}"),
        ];
        return Markup.Of($"<dl class=\"facts\">{Markup.Join(lines.Select(line => Markup.Of($"<dt>{line.Name}</dt><dd>{line.Value}</dd>")))}</dl>");
    }

    private string Threshold()
    {
        if (result.Threshold is not { } choice)
        {
            return facts.Guard?.Threshold is { } own ? $"{Number(own)}, the guard's own" : "the guard's own";
        }

        var goal = choice.Goal switch
        {
            ThresholdGoal.TargetFpr => $", the lowest that keeps to a false positive rate of {Number(choice.TargetFpr ?? 0)} on {choice.DevelopmentFile}",
            ThresholdGoal.BestF1 => $", the best F1 on {choice.DevelopmentFile}",
            _ => ", given",
        };
        return Number(choice.Value) + goal + (choice.IsOptimistic ? ". It was chosen on the very rows that are measured: the numbers are too good." : "");
    }

    private Markup Cards()
    {
        var (all, mean) = (_report.Overall, _report.MeanOverSources);
        var metrics = all.Metrics;
        List<Markup> cards =
        [
            .. mean.Auroc.Value is not null ? [Card("AUROC, mean over sources", mean.Auroc.Value, mean.Auroc.Interval, $"{mean.Groups.Count} sources")] : Array.Empty<Markup>(),
            Card("AUROC, all rows", metrics.Auroc, all.Auroc, $"{Count(metrics.Rows)} rows"),
            Card("AUPRC, all rows", metrics.Auprc, all.Auprc, $"{Count(metrics.Rows)} rows"),
            Card("F1", metrics.F1, all.F1, $"{Count(metrics.Rows)} rows"),
            Card("precision", metrics.Precision, all.Precision, $"{Count(metrics.TruePositives + metrics.FalsePositives)} flagged"),
            Card("recall", metrics.Recall, all.Recall, $"{Count(metrics.UnsafeRows)} unsafe"),
            Card("false positive rate", metrics.FalsePositiveRate, all.FalsePositiveRate, $"{Count(metrics.SafeRows)} safe"),
        ];
        return Markup.Of($"<ul class=\"cards\">{Markup.Join(cards)}</ul>");
    }

    private static Markup Card(string name, double? value, Interval? interval, string of) => Markup.Of(
        $"<li>{name}<strong>{PageTables.Number(value)}</strong><span class=\"soft\">{(value is null ? "not defined" : interval is null ? "no interval" : $"95 %: {PageTables.Ends(interval)}")}<br>{of}</span></li>\n");

    private Markup Notes() => Markup.Join(_report.Notes.Select(note => Markup.Of($"<p class=\"note\">{note}</p>\n")));

    private Markup Groups() => Markup.Join(
    [
        PageTables.Means([("sources with enough rows of both classes", _report.MeanOverSources), ("languages of the card", _report.MeanOverLanguages), ("categories", _report.MeanOverCategories)]),
        PageTables.Card(_report.Card),
        PageTables.Groups("source", "By source. Most public sources hold one class only, so trust the mean over sources with both, not all rows pooled.", _report.BySource),
        PageTables.Groups("task", "By task: the prompt or the response is judged.", _report.ByTask),
        PageTables.Groups("language", "By language.", _report.ByLanguage),
        PageTables.Groups("category", "By category, one against rest: flagged where the guard lists the category.", _report.ByCategory),
        PageTables.Groups("images", "By number of images.", _report.ByImages),
    ]);

    private Markup MistakeSection() => mistakes is null
        ? Markup.Of($"<p>Texts and pictures were left out of this report (--no-texts).</p>")
        : Markup.Of($"""
            <p>The rows on which the guard was surest and wrong, by its P(unsafe). Some are wrong labels. <b>The rows may hold hateful, violent or sexual content; it shows when you open one.</b></p>
            {MistakeList.Of("Safe rows that were flagged", mistakes.Alarms)}
            {MistakeList.Of("Unsafe rows that passed", mistakes.Misses)}
            """);

    private Markup Reading() => Markup.Of($"""
        <h2 id="reading">How to read it</h2>
        <p>The positive class is unsafe. Precision, recall, F1 and false positive rate are those of the guard's verdicts, at its threshold. AUROC is the probability that an unsafe row scores above a safe one; AUPRC is average precision. Behind each number stands its 95 % interval: Wilson's for rates, the bootstrap's for the others ({_report.Options.Resamples} resamples, seed {(long)_report.Options.Seed}). A dash is a number that these rows do not define.</p>
        <footer>One file without scripts; it asks nothing of any server.</footer>
        """);

    private static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Count(long rows) => rows.ToString("N0", CultureInfo.InvariantCulture);

    private static string Version() => typeof(EvaluationPage).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";
}
