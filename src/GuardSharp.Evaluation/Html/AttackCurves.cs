using GuardSharp.Evaluation.Attacks;

namespace GuardSharp.Evaluation.Html;

/// <summary>P(unsafe) along the steps of an attack, all rows of a setting together.</summary>
internal static class AttackCurves
{
    private const int MostSettings = 6;
    private const int MostPoints = 120;

    // Told apart by tone as well as by hue.
    private static readonly string[] _colours = ["#3F7FCF", "#CC6A1E", "#2E9A6A", "#A65BC4", "#80858F", "#C24A5A"];

    /// <summary>The plot; null where no result has steps.</summary>
    public static Figure? Draw(IReadOnlyList<AttackResult> results, string name)
    {
        var groups = results.Where(result => result.Curve.Count > 1).GroupBy(result => result.Setting).Take(MostSettings).ToList();
        return groups.Count == 0 ? null : new Figure(
            "Along the steps",
            "Median P(unsafe) of a setting's rows as the attack saw it. A row that stopped early keeps its last value.",
            PlotFrame.Draw(name, "Median P(unsafe) along the steps of the attack, by setting.", plot =>
            {
                for (var i = 0; i < groups.Count; i++)
                {
                    var (steps, medians) = Medians([.. groups[i]]);
                    var line = plot.Add.ScatterLine(steps, medians, ScottPlot.Color.FromHex(_colours[i]));
                    (line.LineWidth, line.LegendText) = (2.5f, groups[i].Key.Length > 30 ? groups[i].Key[..29] + "." : groups[i].Key);
                }

                plot.XLabel("step");
                plot.YLabel("median P(unsafe)");
                plot.ShowLegend(ScottPlot.Alignment.UpperRight);
                plot.Axes.SetLimitsY(-0.02, 1.02);
            }, width: 860))
        { IsWide = true };
    }

    private static (double[] Steps, double[] Medians) Medians(List<AttackResult> rows)
    {
        var last = rows.Max(row => row.Curve.Count) - 1;
        int[] steps = last < MostPoints ? [.. Enumerable.Range(0, last + 1)] : [.. Enumerable.Range(0, MostPoints).Select(i => (int)((long)i * last / (MostPoints - 1)))];
        return ([.. steps.Select(step => (double)step)], [.. steps.Select(step =>
        {
            double[] values = [.. rows.Select(row => row.Curve[Math.Min(step, row.Curve.Count - 1)]).Order()];
            return values.Length % 2 == 1 ? values[values.Length / 2] : (values[(values.Length / 2) - 1] + values[values.Length / 2]) / 2;
        })]);
    }
}
