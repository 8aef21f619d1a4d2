using SkiaSharp;

namespace GuardSharp.Imaging;

/// <summary>
/// Decodes PNG, JPEG and WebP: palettes, gray and 16-bit samples become 8-bit RGBA, EXIF orientation is applied, alpha stays
/// unmultiplied, and an embedded colour profile is not applied (as the published processors do not).
/// </summary>
/// <remarks>
/// Safe from any thread. A picture decodes wholly or is an error: half a picture could hide what the other half shows. For the same
/// reason an animation is an error and not its first frame.
/// </remarks>
internal static class ImageDecoder
{
    /// <summary>Decodes one picture.</summary>
    /// <param name="encoded">The bytes of the file.</param>
    /// <param name="limits">What it may cost; checked from the header before decoding.</param>
    /// <exception cref="ImageException">Empty, of an unknown kind, damaged, cut off, animated, or beyond the limits.</exception>
    public static RgbaImage Decode(ReadOnlySpan<byte> encoded, ImageLimits limits)
    {
        var format = CheckFile(encoded, limits);
        using var bytes = SKData.CreateCopy(encoded);
        using var codec = SKCodec.Create(bytes) ?? throw new ImageException(
            $"The {Name(format)} image of {encoded.Length} bytes has a damaged header. Send an intact file.");
        CheckHeader(codec, encoded, format, limits);
        return ImageOrientation.Apply(DecodePixels(codec, format), codec.EncodedOrigin);
    }

    private static SKEncodedImageFormat CheckFile(ReadOnlySpan<byte> encoded, ImageLimits limits)
    {
        if (encoded.IsEmpty)
            throw new ImageException("The image is empty (0 bytes). Send a PNG, JPEG or WebP file.");
        if (encoded.Length > limits.MaxImageBytes)
        {
            throw new ImageException(
                $"The image is a file of {encoded.Length} bytes but at most {limits.MaxImageBytes} are allowed. " +
                "Send a smaller file or raise ImageLimits.MaxImageBytes.");
        }

        return ImageFormat.Detect(encoded) ?? throw new ImageException(
            $"The image starts with the bytes {Convert.ToHexString(encoded[..Math.Min(encoded.Length, 8)])}, " +
            "but only PNG, JPEG and WebP are decoded. Convert the picture to one of them.");
    }

    private static void CheckHeader(SKCodec codec, ReadOnlySpan<byte> encoded, SKEncodedImageFormat format, ImageLimits limits)
    {
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width < 1 || height < 1)
            throw new ImageException($"The {Name(format)} image is {width} x {height} pixels; each side must be at least 1. Send an intact file.");
        // An array's length is the limit that no option can raise.
        var maxPixels = Math.Min(limits.MaxPixels, Array.MaxLength / RgbaImage.Channels);
        if (Math.Max(width, height) > limits.MaxSide || (long)width * height > maxPixels)
        {
            throw new ImageException(
                $"The image is {width} x {height} pixels, but at most {limits.MaxSide} a side and {maxPixels} in all are allowed. " +
                "Send a smaller picture or raise ImageLimits.MaxSide and MaxPixels.");
        }

        if (codec.FrameCount > 1 || ImageFormat.IsAnimatedPng(encoded))
            throw new ImageException($"The {Name(format)} image is animated, but only still pictures are judged. Send its frames as pictures.");
    }

    private static unsafe RgbaImage DecodePixels(SKCodec codec, SKEncodedImageFormat format)
    {
        // No colour space: the codec then leaves the stored values as they are.
        var target = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        var pixels = GC.AllocateUninitializedArray<byte>(target.BytesSize);
        SKCodecResult result;
        fixed (byte* start = pixels)
            result = codec.GetPixels(target, (nint)start, target.RowBytes, SKCodecOptions.Default);
        if (result != SKCodecResult.Success)
        {
            var seen = result == SKCodecResult.IncompleteInput ? "is cut off" : $"is damaged ({result})";
            throw new ImageException($"The {Name(format)} image of {target.Width} x {target.Height} pixels {seen}. Send an intact file.");
        }

        return new RgbaImage(target.Width, target.Height, pixels);
    }

    private static string Name(SKEncodedImageFormat format) => format switch
    {
        SKEncodedImageFormat.Png => "PNG",
        SKEncodedImageFormat.Jpeg => "JPEG",
        _ => "WebP",
    };
}
