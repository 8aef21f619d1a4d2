using GuardSharp.Conversations;
using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Evaluation.Html;

/// <summary>A picture inside a page: decoded under the limits of every picture, made small and written anew, so that a page stays a page.</summary>
internal static class PagePicture
{
    /// <summary>The longest side on a page, in pixels.</summary>
    public const int MostPixels = 480;

    private const int Quality = 80;

    /// <summary>The picture of a row, or why there is none.</summary>
    public static Markup Of(ImagePart image, string alternative)
    {
        try
        {
            return Of(image.Data.Span, alternative);
        }
        catch (ImageException error)
        {
            return Markup.Of($"<p class=\"soft\">({error.Message})</p>");
        }
    }

    /// <summary>An encoded picture.</summary>
    /// <exception cref="ImageException">It cannot be decoded.</exception>
    public static Markup Of(ReadOnlySpan<byte> encoded, string alternative)
    {
        var picture = ImageDecoder.Decode(encoded, new ImageLimits());
        var scale = Math.Min(1, (double)MostPixels / Math.Max(picture.Width, picture.Height));
        var (width, height) = (Math.Max(1, (int)(picture.Width * scale)), Math.Max(1, (int)(picture.Height * scale)));
        var (data, kind) = scale < 1 || encoded.Length > 64 << 10 ? (Small(picture, width, height), "image/webp") : (encoded.ToArray(), ImageFormatName(encoded));
        return Markup.Of($"""<img alt="{alternative}" width="{width}" height="{height}" src="data:{kind};base64,{Convert.ToBase64String(data)}">""");
    }

    private static byte[] Small(RgbaImage picture, int width, int height)
    {
        using var all = SKImage.FromPixelCopy(new SKImageInfo(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul), picture.Pixels);
        using var small = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        using var map = small.PeekPixels();
        all.ScalePixels(map, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using var data = map.Encode(SKEncodedImageFormat.Webp, Quality) ?? throw new ImageException("The picture could not be written anew.");
        return data.ToArray();
    }

    private static string ImageFormatName(ReadOnlySpan<byte> encoded) => ImageFormat.Detect(encoded) switch
    {
        SKEncodedImageFormat.Jpeg => "image/jpeg",
        SKEncodedImageFormat.Webp => "image/webp",
        _ => "image/png",
    };
}
