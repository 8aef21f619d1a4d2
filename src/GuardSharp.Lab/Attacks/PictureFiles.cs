using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using GuardSharp.Imaging;
using GuardSharp.Lab.Attacks.Pixels;
using SkiaSharp;

namespace GuardSharp.Lab.Attacks;

/// <summary>Pictures of an attack as files.</summary>
internal static class PictureFiles
{
    /// <summary>What two pictures of one size differ by, gray where they do not, the largest difference stretched to black or white.</summary>
    public static byte[] Difference(RgbaImage before, RgbaImage after)
    {
        var largest = 1;
        for (var i = 0; i < before.Pixels.Length; i++)
        {
            largest = i % RgbaImage.Channels == PixelPlanes.Channels ? largest : Math.Max(largest, Math.Abs(after.Pixels[i] - before.Pixels[i]));
        }

        var pixels = new byte[before.Pixels.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = i % RgbaImage.Channels == PixelPlanes.Channels ? (byte)255 : (byte)(128 + ((after.Pixels[i] - before.Pixels[i]) * 127 / largest));
        }

        return ImageEncoder.Png(before with { Pixels = pixels });
    }

    /// <summary>The ending of a file's name by its first bytes.</summary>
    public static string EndingOf(ReadOnlySpan<byte> file) => ImageFormat.Detect(file) switch
    {
        SKEncodedImageFormat.Jpeg => ".jpg",
        SKEncodedImageFormat.Webp => ".webp",
        _ => ".png",
    };

    /// <summary>The beginning of the names of a row's files: ids that differ in letters a file system cannot take stay apart.</summary>
    public static string StemOf(string id)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)).AsSpan(0, 4));
        return string.Create(CultureInfo.InvariantCulture, $"{(id.Length > 80 ? id[^80..] : id)}-{digest}");
    }
}
