using System.Text.Json;
using GuardSharp.Checkpoints;
using ScottPlot;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Draws the losses that metrics.jsonl tells of: every step, their moving average, and the development rows'.</summary>
internal static class LossPlot
{
    private const int Width = 900;
    private const int Height = 500;

    // A step's share in the moving average: about the last twenty count.
    private const double Share = 0.1;

    // Systems may have no fonts at all; this one lies beside the program.
    private const string FontName = "Inter";
    private static readonly string _font = Path.Combine(AppContext.BaseDirectory, "Fonts", "Inter-Regular.otf");

    /// <summary>Writes the picture as SVG.</summary>
    /// <param name="metrics">The numbers.</param>
    /// <param name="file">The file to write or replace.</param>
    /// <returns>False where there is nothing to draw.</returns>
    public static bool Write(string metrics, string file)
    {
        var (steps, losses, evaluated, devLosses) = Read(metrics);
        if (steps.Count == 0)
        {
            return false;
        }

        ScottPlot.Fonts.AddFontFile(FontName, _font);
        using var plot = new Plot();
        var all = plot.Add.ScatterLine(steps, losses, Colors.Gray.WithAlpha(0.4));
        all.LegendText = "step";
        var mean = plot.Add.ScatterLine(steps, Smooth(losses), Colors.C0);
        (mean.LineWidth, mean.LegendText) = (2, "moving average");
        if (evaluated.Count > 0)
        {
            var dev = plot.Add.Scatter(evaluated, devLosses, Colors.C1);
            (dev.LineWidth, dev.LegendText) = (2, "development rows");
        }

        plot.XLabel("step");
        plot.YLabel("mean loss of an answer token");
        plot.ShowLegend(Alignment.UpperRight);
        plot.Font.Set(FontName);
        plot.Axes.SetLimitsY(0, 1.05 * losses.Concat(devLosses).Where(double.IsFinite).DefaultIfEmpty(1).Max());
        ReplacedFile.Write(file, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            writer.Write(plot.GetSvgXml(Width, Height));
        });
        return true;
    }

    private static (List<double> Steps, List<double> Losses, List<double> Evaluated, List<double> DevLosses) Read(string metrics)
    {
        var (steps, losses, evaluated, devLosses) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        foreach (var line in File.Exists(metrics) ? File.ReadLines(metrics) : [])
        {
            using var document = JsonDocument.Parse(line);
            var step = document.RootElement.GetProperty("step").GetDouble();
            if (document.RootElement.TryGetProperty("loss", out var loss))
            {
                steps.Add(step);
                losses.Add(loss.GetDouble());
            }
            else if (document.RootElement.TryGetProperty("eval", out var eval))
            {
                evaluated.Add(step);
                devLosses.Add(eval.GetProperty("loss").GetDouble());
            }
        }

        return (steps, losses, evaluated, devLosses);
    }

    private static List<double> Smooth(List<double> losses)
    {
        var smooth = new List<double>(losses.Count);
        foreach (var loss in losses)
        {
            smooth.Add(smooth.Count == 0 ? loss : ((1 - Share) * smooth[^1]) + (Share * loss));
        }

        return smooth;
    }
}
