using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Pictures without text: shapes, gradients, noise, soft blots. So that a picture is not unsafe for being a picture.</summary>
internal static class DrawingRenderer
{
    /// <summary>A drawing at random.</summary>
    /// <param name="random">The source of chance.</param>
    /// <param name="maxSide">Longest side in pixels.</param>
    public static RgbaImage Render(Random random, int maxSide)
    {
        var (width, height) = (random.Next(maxSide / 6, maxSide + 1), random.Next(maxSide / 6, maxSide + 1));
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul));
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(Colour(random));
        if (random.Next(2) == 0)
            FillGradient(canvas, width, height, random);
        var blur = random.Next(3) == 0 ? 1 + (random.NextSingle() * 15) : 0;
        for (var shapes = random.Next(40); shapes > 0; shapes--)
            DrawShape(canvas, width, height, blur, random);
        canvas.Flush();
        var image = new RgbaImage(width, height, bitmap.Bytes);
        if (random.Next(4) == 0)
            AddNoise(image, random.Next(1, 128), random);
        for (var i = 3; i < image.Pixels.Length; i += RgbaImage.Channels)
            image.Pixels[i] = byte.MaxValue;
        return image;
    }

    private static void FillGradient(SKCanvas canvas, int width, int height, Random random)
    {
        SKColor[] colours = [Colour(random), Colour(random), Colour(random)];
        using var shader = random.Next(2) == 0
            ? SKShader.CreateLinearGradient(Point(width, height, random), Point(width, height, random), colours, SKShaderTileMode.Mirror)
            : SKShader.CreateRadialGradient(Point(width, height, random), 1 + (random.NextSingle() * width), colours, SKShaderTileMode.Mirror);
        using var paint = new SKPaint { Shader = shader };
        canvas.DrawPaint(paint);
    }

    private static void DrawShape(SKCanvas canvas, int width, int height, float blur, Random random)
    {
        using var filter = blur > 0 ? SKMaskFilter.CreateBlur(SKBlurStyle.Normal, blur) : null;
        using var paint = new SKPaint
        {
            Color = Colour(random).WithAlpha((byte)random.Next(60, 256)),
            IsAntialias = true,
            IsStroke = random.Next(3) == 0,
            StrokeWidth = 1 + (random.NextSingle() * 12),
            MaskFilter = filter,
        };
        var (a, b) = (Point(width, height, random), Point(width, height, random));
        var size = 2 + (random.NextSingle() * random.NextSingle() * width / 2);
        switch (random.Next(5))
        {
            case 0: canvas.DrawCircle(a, size, paint); break;
            case 1: canvas.DrawRect(a.X, a.Y, size, 2 + (random.NextSingle() * size * 2), paint); break;
            case 2: canvas.DrawOval(a, new SKSize(size, size * random.NextSingle()), paint); break;
            case 3: canvas.DrawLine(a, b, paint); break;
            default:
                using (var path = new SKPathBuilder())
                {
                    path.MoveTo(a);
                    for (var i = random.Next(2, 6); i > 0; i--)
                        path.QuadTo(Point(width, height, random), Point(width, height, random));
                    using var curve = path.Detach();
                    canvas.DrawPath(curve, paint);
                }

                break;
        }
    }

    private static void AddNoise(RgbaImage image, int strength, Random random)
    {
        for (var i = 0; i < image.Pixels.Length; i++)
            image.Pixels[i] = (byte)Math.Clamp(image.Pixels[i] + random.Next(-strength, strength + 1), 0, 255);
    }

    private static SKPoint Point(int width, int height, Random random) => new(random.NextSingle() * width, random.NextSingle() * height);

    private static SKColor Colour(Random random) => new((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
}
