using GuardSharp.Conversations;
using SkiaSharp;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>The picture that stands where a row has none, so that text is learned through the same layers as text with a picture.</summary>
internal static class EmptyPicture
{
    /// <summary>A black square as PNG.</summary>
    /// <param name="side">Its side in pixels.</param>
    public static ImagePart Make(int side)
    {
        using var bitmap = new SKBitmap(side, side, SKColorType.Rgba8888, SKAlphaType.Opaque);
        bitmap.Erase(SKColors.Black);
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return new ImagePart(data.ToArray());
    }
}
