using System.Globalization;
using GuardSharp.Policies;
using Spectre.Console;

namespace GuardSharp.CommandLine;

/// <summary>A verdict for a person at a terminal.</summary>
internal static class VerdictTable
{
    private const int BarColumns = 24;
    private const int MostRows = 5;

    // Below this a category is noise to a reader; --json has them all.
    private const double LeastShown = 0.01;

    /// <summary>Draws the verdict, the likeliest categories and what it took.</summary>
    public static void Write(Terminal terminal, Verdict verdict, Policy policy)
    {
        var console = TerminalConsole.Create(terminal);
        var (word, colour) = verdict.Unsafe ? ("UNSAFE", "red") : ("SAFE", "green");
        console.WriteLine();
        console.MarkupLine($"  [bold black on {colour}] {word} [/]  P(unsafe) [bold]{TerminalConsole.Percent(verdict.UnsafeProbability)}[/] [grey]· unsafe from {TerminalConsole.Percent(verdict.Threshold)}[/]");
        console.WriteLine();
        WriteCategories(console, verdict, policy);
        foreach (var warning in verdict.Warnings)
        {
            console.MarkupLineInterpolated($"  [yellow]![/] {warning}");
        }

        console.MarkupLine($"  [grey]{Markup.Escape(Footer(verdict))}[/]");
        console.WriteLine();
    }

    private static void WriteCategories(IAnsiConsole console, Verdict verdict, Policy policy)
    {
        var shown = verdict.CategoryProbabilities
            .Where(pair => pair.Value >= LeastShown || verdict.Categories.Contains(pair.Key))
            .OrderByDescending(pair => verdict.Categories.Contains(pair.Key)).ThenByDescending(pair => pair.Value)
            .Take(Math.Max(MostRows, verdict.Categories.Count)).ToList();
        if (shown.Count == 0)
        {
            return;
        }

        var grid = new Grid { Expand = false };
        for (var column = 0; column < 4; column++)
        {
            grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(2, 0, 0, 0), Alignment = column == 3 ? Justify.Right : Justify.Left });
        }

        foreach (var (code, probability) in shown)
        {
            var isViolated = verdict.Categories.Contains(code);
            var full = (int)Math.Round(probability * BarColumns);
            var style = isViolated ? "bold" : "grey";
            grid.AddRow(
                $"[{style}]{code}[/]",
                $"[{style}]{Markup.Escape(VerdictText.NameOf(code, policy))}[/]",
                $"[{(isViolated ? "red" : "grey")}]{new string('━', full)}[/][grey]{new string('─', BarColumns - full)}[/]",
                $"[{style}]{TerminalConsole.Percent(probability)}[/]");
        }

        console.Write(grid);
        console.WriteLine();
    }

    private static string Footer(Verdict verdict) => string.Create(
        CultureInfo.InvariantCulture,
        $"{VerdictJson.TaskName(verdict.Task)} · {verdict.Model} · {verdict.PromptTokens} tokens{(verdict.ImageTokens > 0 ? $" ({verdict.ImageTokens} of images)" : "")} · {verdict.Elapsed.TotalMilliseconds:F0} ms");
}
