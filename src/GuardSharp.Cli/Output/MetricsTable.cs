using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Reports;
using Spectre.Console;

namespace GuardSharp.Cli.Output;

/// <summary>A report as tables: all rows, then the breakdowns.</summary>
internal static class MetricsTable
{
    /// <summary>Draws the report.</summary>
    public static void Write(Terminal terminal, MetricsReport report)
    {
        var console = TerminalConsole.Create(terminal);
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn(new TableColumn("").NoWrap());
        foreach (var name in (string[])["unsafe", "safe", "AUROC", "95 %", "AUPRC", "precision", "recall", "F1", "FPR"])
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
        WriteMean(console, "categories", report.MeanOverCategories);
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
        table.AddRow(
            name,
            Count(metrics.UnsafeRows),
            Count(metrics.SafeRows),
            Number(metrics.Auroc),
            Ends(group.Auroc),
            Number(metrics.Auprc),
            Number(metrics.Precision),
            Number(metrics.Recall),
            Number(metrics.F1),
            Number(metrics.FalsePositiveRate));
    }

    private static void WriteMean(IAnsiConsole console, string over, MeanReport mean) => console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"mean over {mean.Groups.Count} {over}: AUROC {Number(mean.Auroc)} {Ends(mean.AurocInterval)}, AUPRC {Number(mean.Auprc)}, F1 {Number(mean.F1)}"));

    private static string Count(long rows) => rows.ToString("N0", CultureInfo.InvariantCulture);

    private static string Number(double? value) => value is { } number ? number.ToString("F3", CultureInfo.InvariantCulture) : "–";

    private static string Ends(Interval? interval) => interval is { } ends ? string.Create(CultureInfo.InvariantCulture, $"{ends.Low:F3}-{ends.High:F3}") : "";
}
