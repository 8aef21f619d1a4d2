using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Attacks;
using Spectre.Console;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>The paper's table (arXiv:2411.10414): the share judged safe before and after, with 95 % intervals.</summary>
internal static class GcgTable
{
    /// <summary>Draws the table.</summary>
    public static void Write(Terminal terminal, AttackSummary summary)
    {
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn(new TableColumn("judged safe").NoWrap());
        foreach (var name in (string[])["n", "before", "95 %", "after", "95 %"])
        {
            table.AddColumn(new TableColumn(name).RightAligned().NoWrap());
        }

        foreach (var row in summary.Table)
        {
            table.AddRow(
                Markup.Escape($"{row.Task} classification, {row.Setting}"),
                row.Rows.ToString(CultureInfo.InvariantCulture),
                TerminalConsole.Percent(row.RateBefore.Value),
                Ends(row.RateBefore),
                TerminalConsole.Percent(row.RateAfter.Value),
                Ends(row.RateAfter));
        }

        TerminalConsole.Create(terminal).Write(table);
    }

    private static string Ends(Rate rate) =>
        string.Create(CultureInfo.InvariantCulture, $"{rate.Interval.Low * 100:F1}-{rate.Interval.High * 100:F1}");
}
