using GuardSharp.Imaging;

namespace GuardSharp.CommandLine;

/// <summary>Reads the image files that options name.</summary>
internal static class ImageFile
{
    /// <summary>The encoded bytes; a file beyond the limit is refused.</summary>
    /// <exception cref="ImageException">The file is missing, unreadable or too large.</exception>
    public static byte[] Read(string path)
    {
        var limit = new ImageLimits().MaxImageBytes;
        try
        {
            return BoundedFile.Read(path, limit) ?? throw new ImageException($"{path}: the image has more than {limit} bytes, which is the most that is read. Use a smaller file.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ImageException($"{path}: the image cannot be read: {error.Message}", error);
        }
    }
}
