using System.Globalization;
using System.Text.Json;
using GuardSharp.Evaluation.Attacks;
using Spectre.Console;

namespace GuardSharp.CommandLine;

/// <summary>What came of an attack, for a person or a program.</summary>
internal static class AttackTable
{
    /// <summary>Draws the table.</summary>
    public static void Write(Terminal terminal, AttackSummary summary)
    {
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn(new TableColumn(Markup.Escape(summary.Attack)).NoWrap());
        foreach (var name in (string[])["task", "n", "safe before", "95 %", "safe after", "95 %"])
        {
            table.AddColumn(new TableColumn(name).RightAligned().NoWrap());
        }

        foreach (var row in summary.Table)
        {
            table.AddRow(
                Markup.Escape(row.Setting),
                row.Task,
                row.Rows.ToString(CultureInfo.InvariantCulture),
                TerminalConsole.Percent(row.RateBefore.Value),
                Ends(row.RateBefore),
                TerminalConsole.Percent(row.RateAfter.Value),
                Ends(row.RateAfter));
        }

        TerminalConsole.Create(terminal).Write(table);
    }

    /// <summary>Writes the summary as one document, the same as attack.json.</summary>
    public static void WriteJson(TextWriter output, AttackSummary summary) => output.WriteLine(JsonSerializer.Serialize(summary, AttackJson.Default.AttackSummary));

    private static string Ends(Rate rate) =>
        string.Create(CultureInfo.InvariantCulture, $"{rate.Interval.Low * 100:F1}-{rate.Interval.High * 100:F1}");
}
