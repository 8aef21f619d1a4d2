using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Evaluation.Typesetting;

/// <summary>How a text is typeset.</summary>
/// <param name="Typeface">The font.</param>
/// <param name="Size">Font size in pixels.</param>
/// <param name="Width">Width of the picture in pixels.</param>
/// <param name="MaxHeight">Tallest picture in pixels: lines below are left out.</param>
/// <param name="Ink">Colour of the text.</param>
/// <param name="Paper">Colour of the background.</param>
internal sealed record TypesetStyle(SKTypeface Typeface, float Size, int Width, int MaxHeight, SKColor Ink, SKColor Paper)
{
    /// <summary>Empty pixels at every edge.</summary>
    public float Margin { get; init; } = 8;

    /// <summary>Distance of two baselines in font sizes.</summary>
    public float LineHeight { get; init; } = 1.25f;

    /// <summary>Letters' width, 1 being the font's own.</summary>
    public float Stretch { get; init; } = 1;

    /// <summary>Slant: -0.2 leans like italics.</summary>
    public float Skew { get; init; }

    /// <summary>Thickened by the renderer.</summary>
    public bool Bold { get; init; }

    /// <summary>True: lines are centred; false: they start at the left margin.</summary>
    public bool Centred { get; init; }

    /// <summary>Height of a picture that is taller than its lines; 0: as tall as they need.</summary>
    public int MinHeight { get; init; }

    /// <summary>Largest change that noise makes to a channel; 0: none.</summary>
    public int Noise { get; init; }

    /// <summary>JPEG quality of a round trip through the format, 1 to 100; 0: none.</summary>
    public int JpegQuality { get; init; }

    /// <summary>A style at random: sizes readable after tiling, any margin, often black on white, sometimes noisy.</summary>
    /// <param name="fonts">Fonts to choose from.</param>
    /// <param name="random">The source of chance.</param>
    /// <param name="maxSide">Longest side of the picture in pixels.</param>
    public static TypesetStyle Sample(IReadOnlyList<SKTypeface> fonts, Random random, int maxSide)
    {
        var size = 11f * MathF.Pow(32f / 11f, random.NextSingle());
        var width = random.Next(maxSide / 3, maxSide + 1);
        var (ink, paper) = Colours(random);
        return new TypesetStyle(fonts[random.Next(fonts.Count)], size, width, maxSide, ink, paper)
        {
            Margin = 2 + (random.NextSingle() * random.NextSingle() * 40),
            LineHeight = 1.1f + (random.NextSingle() * 0.5f),
            Stretch = 0.92f + (random.NextSingle() * 0.16f),
            Skew = random.Next(8) == 0 ? -0.2f : 0,
            Bold = random.Next(5) == 0,
            Centred = random.Next(6) == 0,
            MinHeight = random.Next(3) == 0 ? random.Next(maxSide) : 0,
            Noise = random.Next(5) == 0 ? random.Next(1, 24) : 0,
            JpegQuality = random.Next(4) == 0 ? random.Next(50, 96) : 0,
        };
    }

    /// <summary>A tile full of small text: the most letters to learn from for the time a tile takes.</summary>
    /// <param name="fonts">Fonts to choose from.</param>
    /// <param name="random">The source of chance.</param>
    /// <param name="side">Side of the tile in pixels.</param>
    public static TypesetStyle SampleDense(IReadOnlyList<SKTypeface> fonts, Random random, int side) => Sample(fonts, random, side) with
    {
        Size = 12f * MathF.Pow(28f / 12f, random.NextSingle()),
        Width = side,
        MinHeight = side,
        Margin = 1 + (random.NextSingle() * 9),
        LineHeight = 1.1f + (random.NextSingle() * 0.3f),
        Centred = false,
    };

    /// <summary>A picture as people make them, in which a text of some length fits and stays readable once tiled.</summary>
    /// <param name="fonts">Fonts to choose from.</param>
    /// <param name="random">The source of chance.</param>
    /// <param name="length">Characters of the text.</param>
    /// <param name="processor">The model's tiling, which may shrink the picture.</param>
    public static TypesetStyle SampleFitting(IReadOnlyList<SKTypeface> fonts, Random random, int length, Llama4ImageProcessor processor)
    {
        var tile = processor.Settings.TileSize;
        for (var tries = 0; ; tries++)
        {
            // Mostly one tile; now and then as large as a screenshot.
            var largest = random.Next(3) > 0 && tries < 10 ? tile : tile * 4;
            var style = Sample(fonts, random, largest);
            // Headings and posters: too large for a tile's cells, but the tile that shows the whole picture shrinks them.
            if (largest > tile && random.Next(3) == 0)
                style = style with { Size = style.Size * (1.3f + (random.NextSingle() * 1.4f)) };
            var height = (int)(style.Width * (0.3f + (random.NextSingle() * 0.9f)));
            var canvas = processor.ChooseCanvas(style.Width, height);
            var shrink = (float)canvas.Width / style.Width;
            var room = (style.Width - (2 * style.Margin)) * (height - (2 * style.Margin)) * 0.8f;
            var size = Math.Min(style.Size / shrink, MathF.Sqrt(room / (Math.Max(1, length) * 0.55f * style.LineHeight)));
            if (room > 0 && size * shrink >= 10.5f && size < style.Width / 8f)
                return style with { Size = size, MaxHeight = height, MinHeight = random.Next(2) == 0 ? height : 0 };
            if (tries == 50)
                return style with { Size = 11, Width = tile * 2, MaxHeight = tile * 2, Margin = 4 };
        }
    }

    // Half of all pictures are black on white or nearly so; of the others a quarter is light on dark.
    private static (SKColor Ink, SKColor Paper) Colours(Random random)
    {
        if (random.Next(2) == 0)
            return (SKColors.Black, SKColors.White);
        var dark = new SKColor((byte)random.Next(110), (byte)random.Next(110), (byte)random.Next(110));
        var light = new SKColor((byte)random.Next(190, 256), (byte)random.Next(190, 256), (byte)random.Next(190, 256));
        return random.Next(4) == 0 ? (light, dark) : (dark, light);
    }
}
