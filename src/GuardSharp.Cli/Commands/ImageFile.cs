using GuardSharp.Imaging;

namespace GuardSharp.Cli.Commands;

/// <summary>Reads the image files that options name.</summary>
internal static class ImageFile
{
    /// <summary>The encoded bytes; a file beyond the limit is refused before a byte of it is read.</summary>
    /// <exception cref="ImageException">The file is missing, unreadable or too large.</exception>
    public static byte[] Read(string path)
    {
        var limit = new ImageLimits().MaxImageBytes;
        try
        {
            var length = new FileInfo(path).Length;
            return length <= limit
                ? File.ReadAllBytes(path)
                : throw new ImageException($"{path}: the image has {length} bytes; at most {limit} are read. Use a smaller file.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ImageException($"{path}: the image cannot be read: {error.Message}", error);
        }
    }
}
