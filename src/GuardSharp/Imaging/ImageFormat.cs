using System.Buffers.Binary;
using SkiaSharp;

namespace GuardSharp.Imaging;

/// <summary>Which kinds of files are decoded, told by their first bytes and never by a name.</summary>
internal static class ImageFormat
{
    /// <summary>The format, or null when the bytes are of none that is allowed.</summary>
    public static SKEncodedImageFormat? Detect(ReadOnlySpan<byte> encoded)
    {
        if (encoded.StartsWith(PngSignature))
            return SKEncodedImageFormat.Png;
        if (encoded.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
            return SKEncodedImageFormat.Jpeg;
        if (encoded.Length >= 12 && encoded.StartsWith("RIFF"u8) && encoded[8..].StartsWith("WEBP"u8))
            return SKEncodedImageFormat.Webp;
        return null;
    }

    /// <summary>True for an animated PNG, whose frames the codec does not count: an acTL chunk before the first IDAT.</summary>
    public static bool IsAnimatedPng(ReadOnlySpan<byte> encoded)
    {
        if (!encoded.StartsWith(PngSignature))
            return false;
        // Chunk (PNG specification, 5.3): length of the content, type, content, check sum; 4 bytes each but the content.
        var rest = encoded[PngSignature.Length..];
        while (rest.Length >= 12)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            var type = rest.Slice(4, 4);
            if (type.SequenceEqual("acTL"u8))
                return true;
            if (type.SequenceEqual("IDAT"u8) || length > rest.Length - 12)
                return false;
            rest = rest[(int)(length + 12)..];
        }

        return false;
    }

    private static ReadOnlySpan<byte> PngSignature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];
}
