using System.Text.RegularExpressions;
using ScottPlot;

namespace GuardSharp.Evaluation.Html;

/// <summary>Draws one plot as SVG inside a page: transparent, its lines and letters in the colour of the page's text, light or dark.</summary>
/// <remarks>ScottPlot and its library of pictures are loaded when the first plot is drawn, not before.</remarks>
internal static partial class PlotFrame
{
    // Middle tones: contrast of at least 3 : 1 on white as well as on the dark page.
    public static readonly Color Blue = Color.FromHex("#3F7FCF");
    public static readonly Color Orange = Color.FromHex("#CC6A1E");
    public static readonly Color Grey = Color.FromHex("#80858F");

    // Stand for the page's text and its thin lines, and are replaced in the finished SVG.
    public static readonly Color Ink = Color.FromHex("#010203");

    private const string InkFamily = "Liberation Sans";

    private static readonly PlotFont _font = PlotFont.Register(InkFamily);

    /// <summary>The font of all letters. Entries of a legend name it themselves: the system's own may be missing.</summary>
    public static string FontName => _font.Name;

    /// <summary>Draws a plot.</summary>
    /// <param name="name">Unique on the page, letters alone.</param>
    /// <param name="alternative">What the plot shows, for who does not see it.</param>
    /// <param name="draw">Puts the data into it.</param>
    /// <param name="width">Width in pixels; the page scales it.</param>
    /// <param name="height">Height in pixels.</param>
    public static Markup Draw(string name, string alternative, Action<Plot> draw, int width = 560, int height = 400)
    {
        using var plot = new Plot();
        (plot.FigureBackground.Color, plot.DataBackground.Color) = (Colors.Transparent, Colors.Transparent);
        plot.Grid.MajorLineColor = Ink.WithAlpha(0.12);
        draw(plot);
        plot.Axes.Color(Ink);
        plot.Font.Set(_font.Name);
        (plot.Legend.BackgroundColor, plot.Legend.OutlineColor, plot.Legend.ShadowColor) = (Colors.Transparent, Colors.Transparent, Colors.Transparent);
        plot.Legend.FontColor = Ink;
        return Clean(plot.GetSvgXml(width, height), name, alternative);
    }

    private static Markup Clean(string svg, string name, string alternative)
    {
        svg = svg[svg.IndexOf("<svg", StringComparison.Ordinal)..].Trim();
        // Ids are the page's, not the plot's: two plots would share their clipping.
        svg = Identity().Replace(svg, match => $"{match.Groups["before"].Value}{name}-{match.Groups["id"].Value}");
        svg = InkColour().Replace(svg, "currentColor");
        svg = svg.Replace($"font-family=\"{InkFamily}\"", $"font-family=\"{InkFamily}, Arial, Helvetica, sans-serif\"", StringComparison.Ordinal);
        svg = Size().Replace(svg, match => $"<svg role=\"img\" aria-label=\"{Markup.Of($"{alternative}")}\" viewBox=\"0 0 {match.Groups["w"].Value} {match.Groups["h"].Value}\"", 1);
        return new Markup(svg);
    }

    [GeneratedRegex("(?<before>\\bid=\"|url\\(#|href=\"#)(?<id>[A-Za-z0-9_]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Identity();

    [GeneratedRegex("#010203|rgb\\(1, ?2, ?3\\)", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex InkColour();

    [GeneratedRegex("<svg(?=[^>]*?\\bwidth=\"(?<w>[0-9.]+)\")(?=[^>]*?\\bheight=\"(?<h>[0-9.]+)\")[^>]*?(?=>)", RegexOptions.CultureInvariant)]
    private static partial Regex Size();
}
