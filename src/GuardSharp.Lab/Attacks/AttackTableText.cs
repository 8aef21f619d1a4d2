using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Attacks;
using Spectre.Console;

namespace GuardSharp.Lab.Attacks;

/// <summary>The table of an attack as the paper has it: a row for each task, a column for each setting, the share judged safe with its 95 % interval.</summary>
internal static class AttackTableText
{
    /// <summary>Draws the table.</summary>
    public static void Write(Terminal terminal, AttackSummary summary)
    {
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn(new TableColumn("judged safe").NoWrap());
        table.AddColumn(new TableColumn("n").RightAligned().NoWrap());
        table.AddColumn(new TableColumn("before").RightAligned().NoWrap());
        string[] settings = [.. summary.Table.Select(row => row.Setting).Distinct()];
        foreach (var setting in settings)
        {
            table.AddColumn(new TableColumn(Markup.Escape(setting)).RightAligned());
        }

        // Rows of one task under fewer settings (a universal perturbation's training rows) have a line of their own.
        foreach (var line in summary.Table.GroupBy(row => (row.Task, row.Rows)))
        {
            var cells = settings.Select(setting => line.FirstOrDefault(row => row.Setting == setting) is { } row ? Show(row.RateAfter) : "–");
            table.AddRow([line.Key.Task, line.Key.Rows.ToString(CultureInfo.InvariantCulture), Show(line.First().RateBefore), .. cells]);
        }

        TerminalConsole.Create(terminal).Write(table);
    }

    private static string Show(Rate rate) => string.Create(
        CultureInfo.InvariantCulture, $"{rate.Value * 100:F0} % ({rate.Interval.Low * 100:F0} to {rate.Interval.High * 100:F0})");
}
