using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Tests.Imaging;

public sealed class ImageDecoderTests
{
    // One colour, (C 0, M 255, Y 255, K 0), 16 x 16 pixels, written by Pillow with Adobe's inverted marker.
    private const string CmykJpeg =
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/8AAFAgAEAAQ" +
        "BEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEV" +
        "UtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrC" +
        "w8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD9U6/Kqvyqr9U6KKKKKKKKKKKK/9k=";

    // Two 8 x 8 frames, written by Pillow.
    private const string AnimatedWebp =
        "UklGRoQAAABXRUJQVlA4WAoAAAACAAAABwAABwAAQU5JTQYAAAAAAAAAAABBTk1GKAAAAAAAAAAAAAcAAAcAAGQAAAJWUDhMDwAAAC8HwAEABxD9j/4HIqL/AQBBTk1GKA" +
        "AAAAAAAAAAAAcAAAcAAGQAAABWUDhMDwAAAC8HwAEAB9D/iP4HIqL/AQA=";

    private const string AnimatedPng =
        "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAACGFjVEwAAAACAAAAAPONk3AAAAAaZmNUTAAAAAAAAAAIAAAACAAAAAAAAAAAAGQD6AAAG0/pfwAAABJJRE" +
        "FUeJxj/M+AHTDhEB+kEgDNQQEP6EHibwAAABpmY1RMAAAAAQAAAAgAAAAIAAAAAAAAAAAAZAPoAACAPAOrAAAAF2ZkQVQAAAACeJxjZPjPgBUwYRcerBIAzEIBD4VMhLYA" +
        "AAAASUVORK5CYII=";

    private const string Gif = "R0lGODdhCAAIAIEAAP8AAAAAAAAAAAAAACwAAAAACAAIAAAIDwABCBxIsKDBgwgTKkwYEAA7";

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Lossless_pictures_come_back_with_their_alpha_unmultiplied(SKEncodedImageFormat format)
    {
        // Quality 100 is Skia's lossless WebP. Alpha 0 is left out: an encoder may drop the colours under it.
        var image = Pictures.Of(31, 17, (x, y) => new SKColor((byte)(x * 8), (byte)(y * 15), (byte)(x ^ y), (byte)(1 + ((x * y) % 255))));
        Assert.Equal(image.Pixels, Pictures.Decode(image.Encode(format, 100)).Pixels);
    }

    [Fact]
    public void A_jpeg_comes_back_within_its_loss()
    {
        var image = Pictures.Of(64, 48, (x, y) => new SKColor((byte)(x * 4), (byte)(y * 5), 128));
        var decoded = Pictures.Decode(image.Encode(SKEncodedImageFormat.Jpeg, 95));
        Assert.Equal((64, 48), (decoded.Width, decoded.Height));
        // A smooth gradient at quality 95: half a quantisation step of the chroma, measured 6.
        Assert.InRange(image.Pixels.Zip(decoded.Pixels, (a, b) => Math.Abs(a - b)).Max(), 0, 12);
    }

    [Fact]
    public void Palettes_and_gray_become_colours()
    {
        Assert.Equal(123 * 77 * 4, Pictures.Golden("images", "palette_123x77").Pixels.Length);
        var gray = Pictures.Golden("images", "gray_300x500");
        Assert.All(Enumerable.Range(0, 300), x => Assert.True(gray.At(x, x) is { Alpha: 255 } c && c.Red == c.Green && c.Green == c.Blue));
    }

    [Fact]
    public unsafe void Samples_of_16_bits_become_8_within_1()
    {
        var samples = Enumerable.Range(0, 256 * 4).Select(i => (ushort)(i % 4 == 3 ? 65535 : i * 64)).ToArray();
        byte[] encoded;
        fixed (ushort* start = samples)
        {
            using var data = new SKPixmap(new SKImageInfo(256, 1, SKColorType.Rgba16161616, SKAlphaType.Unpremul), (nint)start).Encode(SKEncodedImageFormat.Png, 100);
            encoded = data!.ToArray();
        }

        Assert.Equal(16, encoded[24]);   // the bit depth in the PNG's header: the test would be empty otherwise
        var decoded = Pictures.Decode(encoded);
        // Pillow keeps the high byte, the codec rounds: both within 1 of the sample / 257.
        Assert.All(samples.Zip(decoded.Pixels), p => Assert.InRange(p.Second - (p.First / 257.0), -1, 1));
    }

    [Fact]
    public void A_cmyk_jpeg_becomes_colours()
    {
        var colour = Pictures.Decode(Convert.FromBase64String(CmykJpeg)).At(8, 8);
        // No ink but magenta and yellow: red. 8 for the loss of the JPEG.
        Assert.InRange(colour.Red, 247, 255);
        Assert.InRange(Math.Max(colour.Green, colour.Blue), 0, 8);
    }

    [Theory]
    [InlineData(1, "RGBW")]
    [InlineData(2, "GRWB")]
    [InlineData(3, "WBGR")]
    [InlineData(4, "BWRG")]
    [InlineData(5, "RBGW")]
    [InlineData(6, "BRWG")]
    [InlineData(7, "WGBR")]
    [InlineData(8, "GWRB")]
    public void Exif_orientation_is_applied(int orientation, string corners)
    {
        // Stored: 48 x 32, quarters Red Green / Blue White. corners: what must be seen, top left, top right, bottom left, bottom right.
        var stored = Pictures.Of(48, 32, (x, y) => (x < 24, y < 16) switch
        {
            (true, true) => SKColors.Red,
            (false, true) => SKColors.Lime,
            (true, false) => SKColors.Blue,
            _ => SKColors.White,
        });
        var image = Pictures.Decode(WithExifOrientation(stored.Encode(SKEncodedImageFormat.Jpeg, 95), orientation));
        Assert.Equal(orientation < 5 ? (48, 32) : (32, 48), (image.Width, image.Height));
        var seen = new[] { (1, 1), (image.Width - 2, 1), (1, image.Height - 2), (image.Width - 2, image.Height - 2) }.Select(p => Letter(image.At(p.Item1, p.Item2)));
        Assert.Equal(corners, string.Concat(seen));
    }

    [Theory]
    [InlineData(50_000, 50_000)]
    [InlineData(20_000, 10)]
    [InlineData(16_000, 16_000)]
    public void A_decompression_bomb_is_refused_by_its_header_alone(int width, int height)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<ImageException>(() => Pictures.Decode(Pictures.PngOfSize(width, height)));
        Assert.Contains($"{width} x {height}", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);   // the smallest of them is 800 kB a row of pixels decoded
    }

    [Fact]
    public void More_bytes_than_allowed_are_refused_with_both_numbers()
    {
        var encoded = Pictures.Noise(64, 64, 1).Encode(SKEncodedImageFormat.Png);
        var error = Assert.Throws<ImageException>(() => Pictures.Decode(encoded, new ImageLimits { MaxImageBytes = 1000 }));
        Assert.Contains($"{encoded.Length}", error.Message, StringComparison.Ordinal);
        Assert.Contains("1000", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "0 bytes")]
    [InlineData("AAAA", "000000")]
    [InlineData(Gif, "47494638")]
    [InlineData(AnimatedWebp, "animated")]
    [InlineData(AnimatedPng, "animated")]
    [InlineData("iVBORw0KGgo=", "header")]
    public void What_is_no_still_picture_of_a_known_kind_is_an_error(string base64, string part)
    {
        var error = Assert.Throws<ImageException>(() => Pictures.Decode(Convert.FromBase64String(base64)));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Half_a_file_is_an_error(SKEncodedImageFormat format)
    {
        var encoded = Pictures.Noise(80, 60, 2).Encode(format);
        foreach (var part in new[] { 0.1, 0.5, 0.9 })
            Assert.Throws<ImageException>(() => Pictures.Decode(encoded[..(int)(encoded.Length * part)]));
    }

    private static char Letter(SKColor colour) => (colour.Red > 128, colour.Green > 128, colour.Blue > 128) switch
    {
        (true, true, true) => 'W',
        (true, _, _) => 'R',
        (_, true, _) => 'G',
        _ => 'B',
    };

    private static byte[] WithExifOrientation(byte[] jpeg, int orientation) =>
    [
        .. jpeg[..2],
        0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8,                      // APP1, 34 bytes
        .. "MM\0*"u8, 0, 0, 0, 8, 0, 1,                          // big-endian TIFF, one entry
        0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0,
        .. jpeg[2..],
    ];
}
