using System.Runtime.InteropServices;
using SkiaSharp;

namespace GuardSharp.Imaging;

/// <summary>Turns a picture upright by the EXIF orientation of its file (Exif 2.32, tag 0x0112).</summary>
internal static class ImageOrientation
{
    /// <summary>The upright picture; the same object when it already is.</summary>
    /// <param name="image">The picture as stored.</param>
    /// <param name="origin">Where the stored first row and column lie in the upright picture.</param>
    public static RgbaImage Apply(RgbaImage image, SKEncodedOrigin origin)
    {
        // The step, in upright pixels, of going one stored pixel right and one stored row down, and where the first pixel lands.
        var (w, h) = (image.Width, image.Height);
        var (width, first, right, down) = origin switch
        {
            SKEncodedOrigin.TopRight => (w, w - 1, -1, w),
            SKEncodedOrigin.BottomRight => (w, (w * h) - 1, -1, -w),
            SKEncodedOrigin.BottomLeft => (w, w * (h - 1), 1, -w),
            SKEncodedOrigin.LeftTop => (h, 0, h, 1),
            SKEncodedOrigin.RightTop => (h, h - 1, h, -1),
            SKEncodedOrigin.RightBottom => (h, (w * h) - 1, -h, -1),
            SKEncodedOrigin.LeftBottom => (h, h * (w - 1), -h, 1),
            _ => (w, 0, 1, w),
        };
        if (first == 0 && right == 1)
            return image;

        var upright = GC.AllocateUninitializedArray<byte>(image.Pixels.Length);
        var source = MemoryMarshal.Cast<byte, uint>(image.Pixels);
        var target = MemoryMarshal.Cast<byte, uint>(upright.AsSpan());
        for (var y = 0; y < h; y++)
        {
            var to = first + (y * down);
            foreach (var pixel in source.Slice(y * w, w))
            {
                target[to] = pixel;
                to += right;
            }
        }

        return new RgbaImage(width, w * h / width, upright);
    }
}
