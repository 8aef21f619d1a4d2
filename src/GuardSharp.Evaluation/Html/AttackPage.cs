using System.Globalization;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Html;

/// <summary>The page of attacks: how often they succeed, and some rows before and after.</summary>
/// <param name="folders">The runs.</param>
/// <param name="options">What is shown.</param>
/// <param name="made">When.</param>
internal sealed class AttackPage(IReadOnlyList<AttackRun> folders, PageOptions options, DateTimeOffset made)
{
    /// <summary>The whole page.</summary>
    public Markup Write() => PageShell.Of(
        "Attacks",
        Markup.Of($"""
            <header><h1>Attacks on {string.Join(", ", folders.Select(run => run.Summary.Model).Distinct())}</h1>
            <p class="soft">Made {made.ToUniversalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC. All rows are truly unsafe; an attack succeeded where the guard judges the attacked row safe, asked through its ordinary front door with the very file or text that was saved.</p>
            <nav aria-label="Attacks"><ul>{Markup.Join(folders.Select((run, index) => Markup.Of($"<li><a href=\"#attack{index}\">{run.Summary.Attack} on {run.Summary.Data}</a></li>")))}</ul></nav></header>
            <main>
            {Markup.Join(folders.Select((run, index) => Section(run, $"attack{index.ToString(CultureInfo.InvariantCulture)}")))}
            <footer>One file without scripts; it asks nothing of any server.</footer>
            </main>
            """));

    private Markup Section(AttackRun run, string name)
    {
        var summary = run.Summary;
        List<(string Name, string Value)> facts =
        [
            ("guard", summary.Model), ("rows", summary.Data), ("threshold", summary.Threshold.ToString("0.####", CultureInfo.InvariantCulture)),
            .. summary.Settings.Select(setting => (setting.Key, setting.Value)),
        ];
        return Markup.Of($"""
            <h2 id="{name}">{summary.Attack} on {summary.Data}</h2>
            <dl class="facts">{Markup.Join(facts.Select(fact => Markup.Of($"<dt>{fact.Name}</dt><dd>{fact.Value}</dd>")))}</dl>
            {Table(summary)}
            <div class="plots">
            {Markup.Join(Plots(run, name).Select(figure => figure.ToMarkup()))}</div>
            <h3>Some rows</h3>
            {Examples(run, name)}

            """);
    }

    private static Markup Table(AttackSummary summary) => PageTables.Table(
        "Unsafe rows judged safe, without the attack and under it, with Wilson's 95 % intervals.",
        ["setting", "task", "rows", "judged safe before", "judged safe under attack"],
        summary.Table.Select(line => Markup.Of($"""
            <tr><th scope="row">{line.Setting}</th><td>{line.Task}</td><td>{line.Rows}</td>{Cell(line.SafeBefore, line.RateBefore)}{Cell(line.SafeAfter, line.RateAfter)}</tr>

            """)));

    private static Markup Cell(int count, Rate rate) => Markup.Of($"<td>{rate.Value * 100:F1} % ({count})<small>{rate.Interval.Low * 100:F1}–{rate.Interval.High * 100:F1} %</small></td>");

    private static IEnumerable<Figure> Plots(AttackRun run, string name)
    {
        if (run.Summary.Table.Count > 0)
        {
            yield return new Figure(
                "Success",
                "Share of the unsafe rows that the guard judges safe, by setting, with 95 % intervals.",
                PlotFrame.Draw($"{name}success", "Share of rows judged safe before and under attack, by setting; the table has the numbers.", plot => Success(plot, run.Summary.Table), width: 860))
            { IsWide = true };
        }

        if (AttackCurves.Draw(run.Results, $"{name}curves") is { } curves)
        {
            yield return curves;
        }
    }

    private static void Success(ScottPlot.Plot plot, IReadOnlyList<AttackTableRow> table)
    {
        var severalTasks = table.Select(line => line.Task).Distinct().Count() > 1;
        PlotBars.Groups(
            plot,
            "share judged safe",
            [.. table.Select(line => Wrapped(severalTasks ? $"{line.Setting} {line.Task}" : line.Setting, table.Count))],
            (PlotFrame.Blue, [.. table.Select(line => ((double?)line.RateBefore.Value, (Interval?)line.RateBefore.Interval))]),
            (PlotFrame.Orange, [.. table.Select(line => ((double?)line.RateAfter.Value, (Interval?)line.RateAfter.Interval))]));
        PlotBars.Legend(plot, ("without the attack", PlotFrame.Blue), ("under attack", PlotFrame.Orange));
    }

    // Names of settings stand below their bars: words below each other, and no longer than there is room.
    private static string Wrapped(string name, int bars)
    {
        var room = Math.Max(4, 110 / bars);
        var lines = new List<string> { "" };
        foreach (var word in name.Split(' '))
        {
            var cut = word.Length > room ? word[..(room - 1)] + "." : word;
            if (lines[^1].Length > 0 && lines[^1].Length + 1 + cut.Length > room)
            {
                lines.Add(cut);
            }
            else
            {
                lines[^1] = lines[^1].Length == 0 ? cut : $"{lines[^1]} {cut}";
            }
        }

        return string.Join('\n', lines.Take(3));
    }

    private Markup Examples(AttackRun run, string name)
    {
        if (!options.Texts)
        {
            return Markup.Of($"<p>Texts and pictures were left out of this report (--no-texts).</p>");
        }

        var chosen = Chosen(run.Results, options.Mistakes);
        return chosen.Count == 0
            ? Markup.Of($"<p class=\"soft\">None.</p>")
            : Markup.Of($"""
                <p>Those whose P(unsafe) fell most, of every setting in turn. <b>They may hold hateful, violent or sexual content; it shows when you open one.</b></p>
                {Markup.Join(chosen.Select((result, index) => AttackExample.Of(run.Folder, result, $"{name}row{index.ToString(CultureInfo.InvariantCulture)}", run.Summary.Threshold)))}
                """);
    }

    private static List<AttackResult> Chosen(IReadOnlyList<AttackResult> results, int most) =>
    [
        .. results.GroupBy(result => result.Setting)
            .SelectMany(group => group.OrderByDescending(result => result.SafeAfter && !result.SafeBefore).ThenByDescending(result => result.Before - result.After).Select((result, rank) => (result, rank)))
            .OrderBy(entry => entry.rank)
            .Take(most)
            .Select(entry => entry.result),
    ];
}

/// <summary>An attack's run as it lies in its folder.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Summary">What was attacked, and the table.</param>
/// <param name="Results">Every row.</param>
internal sealed record AttackRun(string Folder, AttackSummary Summary, IReadOnlyList<AttackResult> Results);
