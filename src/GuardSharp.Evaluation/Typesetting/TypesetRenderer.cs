using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Evaluation.Typesetting;

/// <summary>Renders text into pictures and says where every letter stands, so that training can supervise every vision token.</summary>
/// <remarks>Letters stand one beside the other (no shaping): for Latin, Greek and Cyrillic scripts, not for Devanagari, Arabic or Thai.</remarks>
internal static class TypesetRenderer
{
    /// <summary>True when a font has a letter for everything in a text, and letters side by side are how the text is written.</summary>
    public static bool CanRender(string text, SKTypeface typeface)
    {
        using var font = new SKFont(typeface);
        foreach (var letter in text)
        {
            // Above U+058F stand the scripts that need shaping or fonts that are not here; a glyph of 0 is the font's empty box.
            if (letter > '\u058F' && letter is not ('\u2018' or '\u2019' or '\u201C' or '\u201D' or '\u2013' or '\u2014' or '\u2026' or '\u20AC'))
                return false;
            if (!char.IsWhiteSpace(letter) && font.GetGlyph(letter) == 0)
                return false;
        }

        return true;
    }

    /// <summary>Renders a text.</summary>
    /// <param name="text">The text; line breaks in it are kept.</param>
    /// <param name="style">How.</param>
    /// <param name="random">Chance for the noise; not used without noise.</param>
    public static TypesetPicture Render(string text, TypesetStyle style, Random random)
    {
        using var font = new SKFont(style.Typeface, style.Size, style.Stretch, style.Skew) { Embolden = style.Bold, Edging = SKFontEdging.Antialias, Subpixel = true };
        var widths = Widths(text, font);
        var lines = Break(text, widths, style.Width - (2 * style.Margin));
        var advance = style.Size * style.LineHeight;
        var room = (int)((style.MaxHeight - (2 * style.Margin)) / advance);
        lines = lines[..Math.Clamp(room, 1, lines.Count)];
        var height = Math.Clamp((int)MathF.Ceiling((lines.Count * advance) + (2 * style.Margin)), Math.Min(style.MinHeight, style.MaxHeight), style.MaxHeight);

        using var bitmap = new SKBitmap(new SKImageInfo(style.Width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        using var canvas = new SKCanvas(bitmap);
        using var paint = new SKPaint { Color = style.Ink, IsAntialias = true };
        canvas.Clear(style.Paper);
        var letters = new List<PlacedLetter>();
        for (var i = 0; i < lines.Count; i++)
        {
            var (start, length) = lines[i];
            var lineWidth = widths.AsSpan(start, length).ToArray().Sum();
            var x = style.Centred ? Math.Max(style.Margin, (style.Width - lineWidth) / 2) : style.Margin;
            var baseline = style.Margin + (i * advance) + style.Size;
            canvas.DrawText(text.Substring(start, length), x, baseline, SKTextAlign.Left, font, paint);
            for (var j = start; j < start + length; j++)
            {
                // A small letter is about half a font size high.
                if (!char.IsWhiteSpace(text[j]) && x + widths[j] < style.Width)
                    letters.Add(new PlacedLetter(j, x + (widths[j] / 2), baseline - (style.Size * 0.27f)));
                x += widths[j];
            }
        }

        canvas.Flush();
        var image = new RgbaImage(style.Width, height, bitmap.Bytes);
        return new TypesetPicture(Degrade(image, style, random), text, style.Size, letters);
    }

    private static float[] Widths(string text, SKFont font)
    {
        var glyphs = new ushort[text.Length];
        for (var i = 0; i < glyphs.Length; i++)
            glyphs[i] = font.GetGlyph(text[i] == '\n' ? ' ' : text[i]);
        return font.GetGlyphWidths(glyphs);
    }

    /// <summary>Greedy lines: at spaces where there are any, inside a word that is longer than a line.</summary>
    private static List<(int Start, int Length)> Break(string text, float[] widths, float width)
    {
        var lines = new List<(int Start, int Length)>();
        var (start, space, used) = (0, -1, 0f);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
            {
                lines.Add((start, i - start));
                (start, space, used) = (i + 1, -1, 0);
                continue;
            }

            space = text[i] == ' ' ? i : space;
            used += widths[i];
            if (used <= width || i == start || text[i] == ' ')
                continue;
            var end = space > start ? space : i;
            lines.Add((start, end - start));
            start = end == space ? end + 1 : end;
            used = widths.AsSpan(start, i + 1 - start).ToArray().Sum();
            space = -1;
        }

        lines.Add((start, text.Length - start));
        return lines;
    }

    private static RgbaImage Degrade(RgbaImage image, TypesetStyle style, Random random)
    {
        if (style.Noise > 0)
        {
            for (var i = 0; i < image.Pixels.Length; i++)
            {
                if (i % RgbaImage.Channels != 3)
                    image.Pixels[i] = (byte)Math.Clamp(image.Pixels[i] + random.Next(-style.Noise, style.Noise + 1), 0, 255);
            }
        }

        return style.JpegQuality == 0 ? image : ImageDecoder.Decode(ImageEncoder.Jpeg(image, style.JpegQuality), new ImageLimits());
    }
}
