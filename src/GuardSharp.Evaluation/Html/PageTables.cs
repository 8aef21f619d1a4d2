using System.Globalization;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Evaluation.Html;

/// <summary>Tables of a report.</summary>
internal static class PageTables
{
    // What people ask for: from one alarm in a thousand safe rows to one in ten.
    private static readonly double[] _targets = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1];

    /// <summary>Groups with all their metrics.</summary>
    public static Markup Groups(string kind, string caption, IEnumerable<KeyValuePair<string, GroupReport>> groups) => Table(
        caption,
        [kind, "unsafe", "safe", "AUROC", "AUPRC", "precision", "recall", "F1", "FPR", "recall at 1 % FPR", "calibration error"],
        groups.Select(group => Line(group.Key, group.Value)));

    /// <summary>What other thresholds would give on the same rows.</summary>
    public static Markup Thresholds(IReadOnlyList<JudgedSample> rows)
    {
        var levels = new Ranking([.. rows.Select(row => new ScoredRow(row.IsUnsafe, row.Prediction.UnsafeProbability, row.Prediction.IsUnsafe))]).Levels().ToList();
        long positives = rows.Count(row => row.IsUnsafe), negatives = rows.Count - positives;
        return Table(
            "The lowest threshold whose false positive rate on these rows stays within the target. Chosen and measured on the same rows, so a little too good: choose with --target-fpr on a development file.",
            ["target FPR", "threshold", "FPR", "recall", "95 %", "precision"],
            _targets.Select(target => negatives > 0 && levels.LastOrDefault(level => level.FlaggedSafe <= target * negatives) is { FlaggedUnsafe: > 0 } level
                ? Markup.Of($"""
                    <tr><th scope="row">{Share(target)}</th><td>{level.Score:0.0000}</td><td>{Rate(level.FlaggedSafe, negatives)}</td><td>{Rate(level.FlaggedUnsafe, positives)}</td><td>{Ends(Interval.Wilson(level.FlaggedUnsafe, positives))}</td><td>{Rate(level.FlaggedUnsafe, level.FlaggedUnsafe + level.FlaggedSafe)}</td></tr>

                    """)
                : Markup.Of($"""<tr><th scope="row">{Share(target)}</th><td colspan="5" class="left soft">none that flags an unsafe row</td></tr>""")));
    }

    /// <summary>The lines of the Llama Guard 4 card.</summary>
    public static Markup Card(IReadOnlyDictionary<string, CardReport> card)
    {
        var lines = card.SelectMany(task => ((string Name, CardRow? Row)[])
            [("English", task.Value.English), ("multilingual", task.Value.Multilingual), ("one image", task.Value.SingleImage), ("several images", task.Value.SeveralImages)],
            (task, line) => (Name: $"{task.Key}, {line.Name}", line.Row)).Where(line => line.Row is not null).ToList();
        return lines.Count == 0 ? Markup.Empty : Table(
            "The Llama Guard 4 card's table: each category (or language) weighs the same.",
            ["rows", "unsafe", "safe", "groups", "recall", "FPR", "F1"],
            lines.Select(line => Markup.Of($"""
                <tr><th scope="row">{line.Name}</th><td>{line.Row!.UnsafeRows}</td><td>{line.Row.SafeRows}</td><td>{line.Row.Groups.Count}</td>{Cell(line.Row.Recall)}{Cell(line.Row.FalsePositiveRate)}{Cell(line.Row.F1)}</tr>

                """)));
    }

    /// <summary>Means over groups that weigh the same.</summary>
    public static Markup Means(IEnumerable<(string Over, MeanReport Mean)> means) => Table(
        "Means: each group weighs the same.",
        ["over", "groups", "AUROC", "AUPRC", "recall", "FPR", "F1"],
        means.Where(mean => mean.Mean.Groups.Count > 0).Select(mean => Markup.Of($"""
            <tr><th scope="row">{mean.Over}</th><td>{mean.Mean.Groups.Count}</td>{Cell(mean.Mean.Auroc)}{Cell(mean.Mean.Auprc)}{Cell(mean.Mean.Recall)}{Cell(mean.Mean.FalsePositiveRate)}{Cell(mean.Mean.F1)}</tr>

            """)));

    /// <summary>A table with a head of columns, the first of which names the line; it scrolls by itself on a narrow screen.</summary>
    public static Markup Table(string caption, IEnumerable<string> columns, IEnumerable<Markup> lines) => Markup.Of($"""
        <div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption><span>{caption}</span></caption>
        <thead><tr>{Markup.Join(columns.Select(column => Markup.Of($"<th scope=\"col\">{column}</th>")))}</tr></thead>
        <tbody>
        {Markup.Join(lines)}</tbody></table></div>

        """);

    /// <summary>A number with three digits; a dash for what is undefined.</summary>
    public static string Number(double? value) => value is { } number ? number.ToString("F3", CultureInfo.InvariantCulture) : "–";

    /// <summary>An interval.</summary>
    public static string Ends(Interval? interval) => interval is { } ends ? string.Create(CultureInfo.InvariantCulture, $"{ends.Low:F3}–{ends.High:F3}") : "";

    private static Markup Line(string name, GroupReport group)
    {
        var metrics = group.Metrics;
        return Markup.Of($"""
            <tr><th scope="row">{name}</th><td>{metrics.UnsafeRows}</td><td>{metrics.SafeRows}</td>{Cell(metrics.Auroc, group.Auroc)}{Cell(metrics.Auprc, group.Auprc)}{Cell(metrics.Precision, group.Precision)}{Cell(metrics.Recall, group.Recall)}{Cell(metrics.F1, group.F1)}{Cell(metrics.FalsePositiveRate, group.FalsePositiveRate)}{Cell(metrics.RecallAtFpr1, group.RecallAtFpr1)}{Cell(metrics.CalibrationError, group.CalibrationError)}</tr>

            """);
    }

    private static Markup Cell(Estimate estimate) => Cell(estimate.Value, estimate.Interval);

    private static Markup Cell(double? value, Interval? interval) => Markup.Of($"<td>{Number(value)}<small>{Ends(value is null ? null : interval)}</small></td>");

    private static string Rate(long part, long whole) => whole == 0 ? "–" : Number((double)part / whole);

    private static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.##} %");
}
