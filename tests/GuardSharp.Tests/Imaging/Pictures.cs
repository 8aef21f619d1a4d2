using System.Buffers.Binary;
using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Tests.Imaging;

/// <summary>Pictures made in the tests, and the golden ones.</summary>
internal static class Pictures
{
    public static TheoryData<string> GoldenNames => [.. Directory.GetFiles(TestFiles.Golden("preprocessing", "images"), "*.png")
        .Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    public static RgbaImage Golden(string folder, string name) =>
        ImageDecoder.Decode(File.ReadAllBytes(TestFiles.Golden("preprocessing", folder, name + ".png")), new ImageLimits());

    /// <summary>A picture of colour noise, the same for the same seed.</summary>
    public static RgbaImage Noise(int width, int height, int seed)
    {
        var pixels = new byte[width * height * 4];
        new Random(seed).NextBytes(pixels);
        return new RgbaImage(width, height, pixels);
    }

    /// <summary>A picture whose pixels are told by their place.</summary>
    public static RgbaImage Of(int width, int height, Func<int, int, SKColor> colour)
    {
        var pixels = new byte[width * height * 4];
        for (var i = 0; i < width * height; i++)
        {
            var c = colour(i % width, i / width);
            (pixels[i * 4], pixels[(i * 4) + 1], pixels[(i * 4) + 2], pixels[(i * 4) + 3]) = (c.Red, c.Green, c.Blue, c.Alpha);
        }

        return new RgbaImage(width, height, pixels);
    }

    public static SKColor At(this RgbaImage image, int x, int y)
    {
        var i = ((y * image.Width) + x) * 4;
        return new SKColor(image.Pixels[i], image.Pixels[i + 1], image.Pixels[i + 2], image.Pixels[i + 3]);
    }

    public static unsafe byte[] Encode(this RgbaImage image, SKEncodedImageFormat format, int quality = 90)
    {
        fixed (byte* start = image.Pixels)
        {
            var pixmap = new SKPixmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul), (nint)start);
            using var data = pixmap.Encode(format, quality);
            return data!.ToArray();
        }
    }

    public static RgbaImage Decode(byte[] encoded, ImageLimits? limits = null) => ImageDecoder.Decode(encoded, limits ?? new ImageLimits());

    /// <summary>A valid header of any size, and nothing that could be decoded.</summary>
    public static byte[] PngOfSize(int width, int height)
    {
        var png = Of(1, 1, (_, _) => SKColors.Red).Encode(SKEncodedImageFormat.Png);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32(png.AsSpan(12, 17)));
        return png;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB88320 & (uint)-(int)(crc & 1));
        }

        return ~crc;
    }
}
