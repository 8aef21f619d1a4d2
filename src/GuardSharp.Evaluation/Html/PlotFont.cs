using ScottPlot;
using SkiaSharp;

namespace GuardSharp.Evaluation.Html;

/// <summary>The font of plots, which lies in this assembly: a machine may have none.</summary>
/// <remarks>Liberation Sans (SIL Open Font License 1.1) is as wide as Arial and Helvetica, so what is laid out with it fits where a browser has one of those.</remarks>
internal sealed class PlotFont : IFontResolver
{
    private const string Resource = "GuardSharp.Evaluation.LiberationSans-Regular.ttf";

    private readonly Lazy<SKTypeface> _face = new(Load);

    private PlotFont(string name) => Name = name;

    /// <summary>Its name in plots.</summary>
    public string Name { get; }

    /// <summary>Makes the font known to plots of this process under a name.</summary>
    public static PlotFont Register(string name)
    {
        var font = new PlotFont(name);
        ScottPlot.Fonts.FontResolvers.Add(font);
        return font;
    }

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == Name ? _face.Value : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Name ? _face.Value : null;

    private static SKTypeface Load()
    {
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream(Resource)!;
        return SKTypeface.FromStream(stream);
    }
}
