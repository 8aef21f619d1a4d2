using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Thresholds;
using Spectre.Console;

namespace GuardSharp.Cli.Output;

/// <summary>A report as tables: all rows, then the breakdowns.</summary>
internal static class MetricsTable
{
    private const int WideColumns = 150;

    /// <summary>Draws the report.</summary>
    public static void Write(Terminal terminal, EvaluationResult result)
    {
        var (console, report) = (TerminalConsole.Create(terminal, wide: true), result.Report);
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn(new TableColumn("").NoWrap());
        string[] columns = ["unsafe", "safe", "AUROC", "95 %", "AUPRC", "precision", "recall", "F1", "FPR", "recall at 1 % FPR", "at 5 %", "calibration error"];
        foreach (var name in columns[..ColumnsFor(console)])
        {
            table.AddColumn(new TableColumn(name).RightAligned().NoWrap());
        }

        AddRow(table, "[bold]all rows[/]", report.Overall);
        AddGroups(table, "source", report.BySource);
        AddGroups(table, "task", report.ByTask);
        AddGroups(table, "language", report.ByLanguage);
        AddGroups(table, "category", report.ByCategory);
        if (report.ByImages.Count > 1)
        {
            AddGroups(table, "images", report.ByImages);
        }

        console.Write(table);
        WriteMean(console, $"sources with at least {report.Options.MinRowsOfEachClass} rows of each class", report.MeanOverSources);
        WriteMean(console, "languages with rows of both classes", report.MeanOverLanguages);
        WriteMean(console, "categories with rows of both classes", report.MeanOverCategories);
        WriteCard(console, report.Card);
        foreach (var line in Notes(result))
        {
            console.WriteLine(line);
        }
    }

    private static void AddGroups(Table table, string kind, IReadOnlyDictionary<string, GroupReport> groups)
    {
        table.AddEmptyRow();
        table.AddRow($"[bold]{kind}[/]");
        foreach (var (name, group) in groups)
        {
            AddRow(table, Markup.Escape(name), group);
        }
    }

    private static void AddRow(Table table, string name, GroupReport group)
    {
        var metrics = group.Metrics;
        string[] cells =
        [
            Count(metrics.UnsafeRows),
            Count(metrics.SafeRows),
            Number(metrics.Auroc),
            Ends(group.Auroc),
            Number(metrics.Auprc),
            Number(metrics.Precision),
            Number(metrics.Recall),
            Number(metrics.F1),
            Number(metrics.FalsePositiveRate),
            Number(metrics.RecallAtFpr1),
            Number(metrics.RecallAtFpr5),
            Number(metrics.CalibrationError),
        ];
        table.AddRow([name, .. cells[..(table.Columns.Count - 1)]]);
    }

    // On a narrow terminal the last three would be cut off; metrics.json has them.
    private static int ColumnsFor(IAnsiConsole console) => console.Profile.Width >= WideColumns ? 12 : 9;

    private static void WriteCard(IAnsiConsole console, IReadOnlyDictionary<string, CardReport> card)
    {
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        foreach (var name in (string[])["the card's means", "unsafe", "safe", "over", "recall", "95 %", "FPR", "95 %", "F1", "95 %"])
        {
            table.AddColumn(new TableColumn(name).NoWrap());
        }

        foreach (var (task, report) in card)
        {
            foreach (var (name, row) in new (string, CardRow?)[] { ("English", report.English), ("multilingual", report.Multilingual), ("one image", report.SingleImage), ("several images", report.SeveralImages) })
            {
                if (row is not null)
                {
                    table.AddRow(
                        $"{task}, {name}", Count(row.UnsafeRows), Count(row.SafeRows), string.Join(' ', row.Groups),
                        Number(row.Recall.Value), Ends(row.Recall.Interval), Number(row.FalsePositiveRate.Value), Ends(row.FalsePositiveRate.Interval), Number(row.F1.Value), Ends(row.F1.Interval));
                }
            }
        }

        if (table.Rows.Count > 0)
        {
            console.Write(table);
        }
    }

    private static IEnumerable<string> Notes(EvaluationResult result)
    {
        if (result.Threshold is { } choice)
        {
            yield return Describe(choice);
        }

        if (result.LastImage)
        {
            yield return "of several images only the conversation's last one was put in";
        }

        foreach (var note in result.Report.Notes)
        {
            yield return note;
        }
    }

    private static string Describe(ThresholdChoice choice)
    {
        var rule = choice.Goal switch
        {
            ThresholdGoal.TargetFpr => string.Create(CultureInfo.InvariantCulture, $"chosen for at most {choice.TargetFpr} FPR on {choice.DevelopmentFile}"),
            ThresholdGoal.BestF1 => $"chosen for the best F1 on {choice.DevelopmentFile}",
            _ => "as given",
        };
        var there = choice.Development is { } metrics ? $", where recall is {Number(metrics.Recall)}, FPR {Number(metrics.FalsePositiveRate)}, F1 {Number(metrics.F1)}" : "";
        var warning = choice.IsOptimistic ? ". OPTIMISTIC: it was chosen on the rows that are measured here; on other rows expect less" : "";
        return string.Create(CultureInfo.InvariantCulture, $"threshold {choice.Value:R} {rule}{there}{warning}");
    }

    private static void WriteMean(IAnsiConsole console, string over, MeanReport mean) => console.WriteLine(mean.Groups.Count == 0
        ? $"no mean over {over}: there are none"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"mean over {mean.Groups.Count} {over}: AUROC {Described(mean.Auroc)}, AUPRC {Number(mean.Auprc.Value)}, recall {Described(mean.Recall)}, F1 {Described(mean.F1)}, FPR {Described(mean.FalsePositiveRate)}"));

    private static string Described(Estimate estimate) => $"{Number(estimate.Value)} {Ends(estimate.Interval)}".TrimEnd();

    private static string Count(long rows) => rows.ToString("N0", CultureInfo.InvariantCulture);

    private static string Number(double? value) => value is { } number ? number.ToString("F3", CultureInfo.InvariantCulture) : "–";

    private static string Ends(Interval? interval) => interval is { } ends ? string.Create(CultureInfo.InvariantCulture, $"{ends.Low:F3}-{ends.High:F3}") : "";
}
