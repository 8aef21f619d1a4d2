using GuardSharp.Evaluation.Metrics;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace GuardSharp.Evaluation.Html;

/// <summary>Bars with intervals.</summary>
internal static class PlotBars
{
    private const double Room = 0.8;

    /// <summary>Groups of bars of shares beside each other, a bar of each series in every group.</summary>
    /// <param name="plot">The plot.</param>
    /// <param name="y">What the bars are.</param>
    /// <param name="names">Names of the groups.</param>
    /// <param name="series">Values in [0, 1] with their intervals, one for each group; null where there is none.</param>
    public static void Groups(Plot plot, string y, string[] names, params (Color Colour, (double? Value, Interval? Interval)[] Values)[] series)
    {
        var width = Room / series.Length;
        for (var i = 0; i < series.Length; i++)
        {
            var (colour, values) = series[i];
            var shift = (i - ((series.Length - 1) / 2.0)) * width;
            plot.Add.Bars(values.Select((value, group) => Bar(group + shift, value.Value ?? 0, width * 0.9, colour)).ToList());
            for (var group = 0; group < values.Length; group++)
            {
                Whisker(plot, group + shift, values[group].Interval);
            }
        }

        plot.Axes.Bottom.TickGenerator = new NumericManual([.. names.Select((_, group) => (double)group)], names);
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
        plot.YLabel(y);
        plot.Axes.SetLimits(-0.6, names.Length - 0.4, 0, series.Length > 1 ? 1.3 : 1.02);
    }

    /// <summary>One bar.</summary>
    public static Bar Bar(double position, double value, double width, Color colour) =>
        new() { Position = position, Value = value, Size = width, FillColor = colour, LineWidth = 0 };

    /// <summary>An interval as a line with ends.</summary>
    public static void Whisker(Plot plot, double x, Interval? interval)
    {
        if (interval is { } ends)
        {
            var line = plot.Add.Line(x, ends.Low, x, ends.High);
            (line.LineColor, line.LineWidth) = (PlotFrame.Ink, 1.5f);
        }
    }

    /// <summary>What the colours mean.</summary>
    public static void Legend(Plot plot, params (string Text, Color Colour)[] entries) => plot.ShowLegend(
        entries.Select(entry => new LegendItem { LabelText = entry.Text, FillColor = entry.Colour, LineWidth = 0, OutlineWidth = 0, LabelFontName = PlotFrame.FontName }), Alignment.UpperRight);
}
