using System.Globalization;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace GuardSharp.Evaluation.Html;

/// <summary>Which categories the guard lists for rows of each category.</summary>
/// <param name="rows">Judged rows.</param>
internal sealed class CategoryConfusion(IReadOnlyList<JudgedSample> rows)
{
    private const string Safe = "safe";
    private const string Other = "none";
    private const int MostCategories = 24;

    /// <summary>The plot; null where no unsafe row has a labelled category.</summary>
    public Figure? Draw()
    {
        var labelled = rows.Where(row => row.IsUnsafe && row.Categories.Count > 0).ToList();
        string[] truth = [.. labelled.SelectMany(row => row.Categories).Distinct().Order(CodeOrder.Instance).Take(MostCategories)];
        string[] said = [.. labelled.SelectMany(row => row.Prediction.Categories).Concat(truth).Distinct().Order(CodeOrder.Instance).Take(MostCategories), Other, Safe];
        return truth.Length == 0 ? null : new Figure(
            "Confusion of categories",
            "Of the unsafe rows of a category (a line), the percentage for which the guard lists each category (a column). \"safe\": not flagged; \"none\": flagged without a category. Rows and verdicts may have several, so a line may sum to more than 100.",
            PlotFrame.Draw("confusion", "Confusion of categories: percentage of each category's unsafe rows for which each category was listed.", plot => Fill(plot, labelled, truth, said), width: 860, height: 110 + (26 * truth.Length)))
        { IsWide = true };
    }

    private static void Fill(Plot plot, List<JudgedSample> labelled, string[] truth, string[] said)
    {
        for (var line = 0; line < truth.Length; line++)
        {
            var of = labelled.Where(row => row.Categories.Contains(truth[line])).ToList();
            for (var column = 0; column < said.Length; column++)
            {
                var share = (double)of.Count(row => Says(row, said[column])) / of.Count;
                Cell(plot, column, truth.Length - 1 - line, share, isRight: said[column] == truth[line]);
            }
        }

        plot.Axes.Left.TickGenerator = new NumericManual([.. truth.Select((_, i) => (double)(truth.Length - 1 - i))], truth);
        plot.Axes.Bottom.TickGenerator = new NumericManual([.. said.Select((_, i) => (double)i)], said);
        (plot.Axes.Left.MajorTickStyle.Length, plot.Axes.Bottom.MajorTickStyle.Length) = (0, 0);
        plot.XLabel("the guard lists");
        plot.YLabel("truth");
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, said.Length - 0.5, -0.5, truth.Length - 0.5);
    }

    private static void Cell(Plot plot, int column, int line, double share, bool isRight)
    {
        if (share <= 0)
        {
            return;
        }

        var box = plot.Add.Rectangle(column - 0.5, column + 0.5, line - 0.5, line + 0.5);
        // Never so dark that the number in it could not be read in either colour scheme.
        (box.FillColor, box.LineWidth) = ((isRight ? PlotFrame.Blue : PlotFrame.Orange).WithAlpha(0.08 + (0.5 * share)), 0);
        var text = plot.Add.Text((share * 100).ToString("F0", CultureInfo.InvariantCulture), column, line);
        (text.LabelFontColor, text.LabelFontSize, text.LabelAlignment) = (PlotFrame.Ink, 11, Alignment.MiddleCenter);
    }

    private static bool Says(JudgedSample row, string column) => column switch
    {
        Safe => !row.Prediction.IsUnsafe,
        Other => row.Prediction is { IsUnsafe: true, Categories.Count: 0 },
        _ => row.Prediction.Categories.Contains(column),
    };
}
