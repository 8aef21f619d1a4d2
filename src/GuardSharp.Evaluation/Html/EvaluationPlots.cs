using System.Globalization;
using GuardSharp.Evaluation.Reports;
using ScottPlot;

namespace GuardSharp.Evaluation.Html;

/// <summary>The plots of an evaluation, each with what it shows in words. A plot whose rows are missing is null.</summary>
/// <param name="result">What was measured.</param>
internal sealed class EvaluationPlots(EvaluationResult result)
{
    private const int Bins = 20;
    private readonly MetricsReport _report = result.Report;

    /// <summary>All of them, in the page's order.</summary>
    public IEnumerable<Figure> All() =>
        ((Figure?[])[Roc(), PrecisionRecall(), Scores(), Reliability(), Categories(), new CategoryConfusion(result.Rows).Draw(), Languages(), Latency()]).OfType<Figure>();

    private Figure? Roc() => _report.Curves.Roc.Count == 0 ? null : new Figure(
        "ROC",
        "Unsafe rows caught against safe rows flagged, at every threshold. The dot is this run's threshold; the dashed line is chance.",
        PlotFrame.Draw("roc", $"ROC curve; the area under it is {Number(_report.Overall.Metrics.Auroc)}.", plot =>
        {
            Dashed(plot, 0, 0, 1, 1);
            Trace(plot, [.. _report.Curves.Roc.Select(point => point.FalsePositiveRate)], [.. _report.Curves.Roc.Select(point => point.Recall)]);
            if (_report.Overall.Metrics is { FalsePositiveRate: { } rate, Recall: { } recall })
            {
                Dot(plot, rate, recall);
            }

            Axes(plot, "false positive rate", "recall");
        }));

    private Figure? PrecisionRecall() => _report.Curves.PrecisionRecall.Count == 0 ? null : new Figure(
        "Precision and recall",
        "Share of flagged rows that are unsafe against share of unsafe rows caught. The dashed line flags everything; it moves with the share of unsafe rows.",
        PlotFrame.Draw("pr", $"Precision-recall curve; the area under it is {Number(_report.Overall.Metrics.Auprc)}.", plot =>
        {
            var metrics = _report.Overall.Metrics;
            var share = (double)metrics.UnsafeRows / metrics.Rows;
            Dashed(plot, 0, share, 1, share);
            Trace(plot, [.. _report.Curves.PrecisionRecall.Select(point => point.Recall)], [.. _report.Curves.PrecisionRecall.Select(point => point.Precision)]);
            if (metrics is { Precision: { } precision, Recall: { } recall })
            {
                Dot(plot, recall, precision);
            }

            Axes(plot, "recall", "precision");
        }));

    private Figure Scores() => new(
        "Scores",
        "How often the guard gave which P(unsafe), by truth, each as a share of its own rows.",
        PlotFrame.Draw("scores", "Histogram of P(unsafe) of safe and of unsafe rows.", plot =>
        {
            List<Bar> bars = [];
            foreach (var (isUnsafe, colour, shift) in ((bool, Color, double)[])[(false, PlotFrame.Blue, -0.24), (true, PlotFrame.Orange, 0.24)])
            {
                var group = result.Rows.Where(row => row.IsUnsafe == isUnsafe).ToList();
                var counts = new int[Bins];
                group.ForEach(row => counts[Bin(row.Prediction.UnsafeProbability, Bins)]++);
                bars.AddRange(counts.Select((count, bin) => PlotBars.Bar((bin + 0.5 + shift) / Bins, group.Count == 0 ? 0 : (double)count / group.Count, 0.44 / Bins, colour)));
            }

            plot.Add.Bars(bars);
            PlotBars.Legend(plot, ("safe rows", PlotFrame.Blue), ("unsafe rows", PlotFrame.Orange));
            Axes(plot, "P(unsafe)", "share of the class", square: false);
            plot.Axes.SetLimits(0, 1, 0, Math.Max(0.05, bars.Max(bar => bar.Value) * 1.15));
        }));

    private Figure? Reliability() => _report.Overall.Metrics is not { UnsafeRows: > 0, SafeRows: > 0 } || _report.Curves.Reliability.Count == 0 ? null : new Figure(
        "Reliability",
        $"Share of rows that are unsafe among those with about the same P(unsafe), with 95 % intervals. On the dashed line a probability means what it says, for the mixture of rows at hand. Expected calibration error: {Number(_report.Overall.Metrics.CalibrationError)}.",
        PlotFrame.Draw("reliability", "Reliability plot: observed share of unsafe rows over predicted probability, in ten bins.", plot =>
        {
            Dashed(plot, 0, 0, 1, 1);
            foreach (var bin in _report.Curves.Reliability)
            {
                if (bin is { MeanScore: { } mean, UnsafeShare: { Value: { } share } estimate })
                {
                    PlotBars.Whisker(plot, mean, estimate.Interval);
                    Dot(plot, mean, share, PlotFrame.Blue);
                }
            }

            Axes(plot, "mean P(unsafe) of the bin", "share unsafe");
        }));

    private Figure? Categories()
    {
        var groups = _report.ByCategory.Where(group => group.Value.Metrics is { UnsafeRows: > 0, Recall: not null }).ToList();
        return groups.Count == 0 ? null : new Figure(
            "Recall by category",
            "Share of a category's unsafe rows for which the guard lists that very category, with 95 % intervals. The numbers are rows.",
            PlotFrame.Draw("categories", "Recall of each category; the table of categories has the numbers.", plot =>
                PlotBars.Groups(plot, "recall", [.. groups.Select(group => $"{Short(group.Key)}\n{group.Value.Metrics.UnsafeRows}")],
                    (PlotFrame.Blue, [.. groups.Select(group => (group.Value.Metrics.Recall, group.Value.Recall))])), width: 860))
        { IsWide = true };
    }

    private Figure? Languages()
    {
        // Many languages would be no plot; the table has them all.
        var groups = _report.ByLanguage.OrderByDescending(group => group.Value.Metrics.Rows).Take(12).ToList();
        return _report.ByLanguage.Count < 2 ? null : new Figure(
            "By language",
            "Unsafe rows caught and safe rows flagged, with 95 % intervals, of the languages with most rows.",
            PlotFrame.Draw("languages", "Recall and false positive rate of each language; the table of languages has the numbers.", plot =>
            {
                PlotBars.Groups(plot, "share", [.. groups.Select(group => $"{Short(group.Key)}\n{group.Value.Metrics.Rows}")],
                    (PlotFrame.Blue, [.. groups.Select(group => (group.Value.Metrics.Recall, group.Value.Recall))]),
                    (PlotFrame.Orange, [.. groups.Select(group => (group.Value.Metrics.FalsePositiveRate, group.Value.FalsePositiveRate))]));
                PlotBars.Legend(plot, ("recall", PlotFrame.Blue), ("false positive rate", PlotFrame.Orange));
            }, width: 860))
        { IsWide = true };
    }

    private Figure? Latency()
    {
        double[] times = [.. result.Rows.Select(row => row.Milliseconds).OfType<double>().Order()];
        if (times.Length == 0)
        {
            return null;
        }

        // A few very slow rows would squeeze all others into one bar: they stand in the last.
        var end = Math.Max(times[(int)(0.99 * (times.Length - 1))], 1e-3) * 1.1;
        var counts = new int[Bins];
        Array.ForEach(times, time => counts[Bin(time / end, Bins)]++);
        return new Figure(
            "Time of a row",
            string.Create(CultureInfo.InvariantCulture, $"Wall time of the batch a row was judged in, divided by its rows, in milliseconds: median {times[times.Length / 2]:G3}, 95 % within {times[(int)(0.95 * (times.Length - 1))]:G3}, slowest {times[^1]:G3}. The last bar holds all slower ones."),
            PlotFrame.Draw("latency", "Histogram of the time of a row in milliseconds.", plot =>
            {
                plot.Add.Bars(counts.Select((count, bin) => PlotBars.Bar((bin + 0.5) * end / Bins, count, 0.9 * end / Bins, PlotFrame.Blue)).ToList());
                Axes(plot, "milliseconds", "rows", square: false);
                plot.Axes.SetLimits(0, end, 0, counts.Max() * 1.1);
            }));
    }

    private static void Axes(Plot plot, string x, string y, bool square = true)
    {
        plot.XLabel(x);
        plot.YLabel(y);
        if (square)
        {
            plot.Axes.SetLimits(-0.02, 1.02, -0.02, 1.02);
        }
    }

    private static void Trace(Plot plot, double[] x, double[] y)
    {
        var line = plot.Add.ScatterLine(x, y, PlotFrame.Blue);
        line.LineWidth = 2.5f;
    }

    private static void Dot(Plot plot, double x, double y, Color? colour = null) => plot.Add.Marker(x, y, MarkerShape.FilledCircle, 10, colour ?? PlotFrame.Orange);

    private static void Dashed(Plot plot, double x1, double y1, double x2, double y2)
    {
        var line = plot.Add.Line(x1, y1, x2, y2);
        (line.LineColor, line.LinePattern, line.LineWidth) = (PlotFrame.Grey, LinePattern.Dashed, 1.5f);
    }

    private static int Bin(double share, int bins) => Math.Clamp((int)(share * bins), 0, bins - 1);

    // Names are the data's: a long one would leave no room for the plot.
    private static string Short(string name) => name.Length > 10 ? name[..9] + "." : name;

    private static string Number(double? value) => value is { } number ? number.ToString("F3", CultureInfo.InvariantCulture) : "not defined";
}

/// <summary>A plot with its words.</summary>
/// <param name="Title">Its name.</param>
/// <param name="Text">What it shows and how to read it.</param>
/// <param name="Plot">The SVG.</param>
internal sealed record Figure(string Title, string Text, Markup Plot)
{
    /// <summary>Whether it takes the whole width of the page.</summary>
    public bool IsWide { get; init; }

    /// <summary>The figure as the page holds it.</summary>
    public Markup ToMarkup() => Markup.Of($"<figure class=\"{(IsWide ? "wide" : "")}\">{Plot}<figcaption><b>{Title}</b>{Text}</figcaption></figure>\n");
}
