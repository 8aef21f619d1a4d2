using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Attacks;

/// <summary>attack.json: what was attacked, how, and the table of what came of it.</summary>
/// <param name="Attack">Name of the attack, such as <c>pgd</c>.</param>
/// <param name="Model">The guard's name with its weights' hash.</param>
/// <param name="Data">Name of the file of rows, without its folder.</param>
/// <param name="Threshold">P(unsafe) from which on the guard says unsafe.</param>
/// <param name="Settings">The options of the attack by name: whatever another run needs to do the same.</param>
/// <param name="Table">A line for each setting and task.</param>
public sealed record AttackSummary(
    string Attack, string Model, string Data, double Threshold, IReadOnlyDictionary<string, string> Settings, IReadOnlyList<AttackTableRow> Table)
{
    /// <summary>Version of the file's form.</summary>
    public int Schema { get; init; } = 1;

    /// <summary>The table of results, settings in the order in which they first appear.</summary>
    public static IReadOnlyList<AttackTableRow> TableOf(IEnumerable<AttackResult> results) =>
        [.. results.GroupBy(result => (result.Setting, result.Task)).Select(group => AttackTableRow.Of(group.Key.Setting, group.Key.Task, [.. group]))];
}

/// <summary>How many rows a guard judged safe under one setting. All rows are truly unsafe.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="Task"><c>prompt</c> or <c>response</c>.</param>
/// <param name="Rows">Rows attacked.</param>
/// <param name="SafeBefore">Judged safe without the attack.</param>
/// <param name="SafeAfter">Judged safe under it.</param>
/// <param name="RateBefore">Share judged safe without the attack, with Wilson's 95 % interval.</param>
/// <param name="RateAfter">Share judged safe under it, with Wilson's 95 % interval.</param>
public sealed record AttackTableRow(string Setting, string Task, int Rows, int SafeBefore, int SafeAfter, Rate RateBefore, Rate RateAfter)
{
    internal static AttackTableRow Of(string setting, string task, IReadOnlyList<AttackResult> results)
    {
        var (before, after) = (results.Count(result => result.SafeBefore), results.Count(result => result.SafeAfter));
        return new AttackTableRow(setting, task, results.Count, before, after, Rate.Of(before, results.Count), Rate.Of(after, results.Count));
    }
}

/// <summary>A share of rows.</summary>
/// <param name="Value">The share, in [0, 1].</param>
/// <param name="Interval">Its 95 % interval.</param>
public sealed record Rate(double Value, Interval Interval)
{
    internal static Rate Of(int hits, int rows) => new((double)hits / rows, Metrics.Interval.Wilson(hits, rows)!.Value);
}
