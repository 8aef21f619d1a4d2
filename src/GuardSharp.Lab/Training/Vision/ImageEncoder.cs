using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Pictures to files: for round trips through a lossy format and for looking at what training sees.</summary>
internal static class ImageEncoder
{
    /// <summary>The bytes of an image file.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="format">PNG, JPEG or WebP.</param>
    /// <param name="quality">1 to 100; PNG ignores it.</param>
    public static unsafe byte[] Encode(RgbaImage image, SKEncodedImageFormat format, int quality)
    {
        fixed (byte* start = image.Pixels)
        {
            using var pixmap = new SKPixmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul), (nint)start);
            using var data = pixmap.Encode(format, quality) ?? throw new TrainingException($"Skia cannot write {format} at quality {quality}.");
            return data.ToArray();
        }
    }
}
