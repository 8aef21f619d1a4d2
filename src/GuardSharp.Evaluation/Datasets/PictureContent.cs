using System.Security.Cryptography;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Imaging;
using SkiaSharp;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>What pictures are by their bytes, whatever their names.</summary>
internal static class PictureContent
{
    /// <summary>Makes keys of the pictures of one file: two pictures have the same key when their bytes are the same.</summary>
    public static Func<string, string> Key(string file)
    {
        var folder = RowLines.FolderOf(file);
        return picture => RowPictures.IsEmbedded(picture) ? picture : Name(RowPictures.Read(Path.Combine(folder, picture)));
    }

    /// <summary>A name made of the bytes.</summary>
    public static string Name(ReadOnlySpan<byte> bytes) => "data:" + Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16));

    /// <summary>The media type; PNG where it cannot be told.</summary>
    public static string MediaType(ReadOnlySpan<byte> bytes) => ImageFormat.Detect(bytes) switch
    {
        SKEncodedImageFormat.Jpeg => "image/jpeg",
        SKEncodedImageFormat.Webp => "image/webp",
        _ => "image/png",
    };

    /// <summary>How a file of these bytes is called at its end.</summary>
    public static string Extension(ReadOnlySpan<byte> bytes) => "." + MediaType(bytes)["image/".Length..];
}
