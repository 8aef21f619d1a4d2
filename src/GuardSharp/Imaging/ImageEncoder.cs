using SkiaSharp;

namespace GuardSharp.Imaging;

/// <summary>Pictures to files. Alpha is dropped, as the processors do: what a transparent pixel's colours spell stays visible.</summary>
internal static class ImageEncoder
{
    // The least work: these files are decoded again at once, and half of them hold noise that no level makes small.
    private const int PngLevel = 1;

    /// <summary>The bytes of a JPEG file.</summary>
    /// <param name="image">The picture, at most 65,535 pixels a side.</param>
    /// <param name="quality">1 to 100.</param>
    /// <exception cref="ImageException">The picture is too large for the format.</exception>
    public static byte[] Jpeg(RgbaImage image, int quality) => Encode(image, pixmap => pixmap.Encode(SKEncodedImageFormat.Jpeg, quality), "JPEG");

    /// <summary>The bytes of a PNG file: decoded, the same colours.</summary>
    /// <param name="image">The picture.</param>
    public static byte[] Png(RgbaImage image) => Encode(image, pixmap => pixmap.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.Sub, PngLevel)), "PNG");

    private static unsafe byte[] Encode(RgbaImage image, Func<SKPixmap, SKData?> encode, string format)
    {
        fixed (byte* start = image.Pixels)
        {
            using var pixmap = new SKPixmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), (nint)start);
            using var data = encode(pixmap) ?? throw new ImageException(
                $"A picture of {image.Width} x {image.Height} pixels cannot be written as {format}. Send a smaller picture.");
            return data.ToArray();
        }
    }
}
