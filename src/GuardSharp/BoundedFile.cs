namespace GuardSharp;

/// <summary>Reads files that a user named: never more than a limit, also of pipes and devices, which do not tell their length.</summary>
internal static class BoundedFile
{
    private const int FirstRead = 64 * 1024;

    /// <summary>All bytes of a file, or null when it holds more than <paramref name="limit"/>.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a folder.</exception>
    public static byte[]? Read(string path, long limit)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        var length = file.CanSeek ? file.Length : 0;
        if (length > limit)
            return null;
        // One byte more than the file says: the read that finds nothing there ends the loop without growing.
        var bytes = new byte[(length > 0 ? length : Math.Min(FirstRead, limit)) + 1];
        var count = 0;
        while (file.Read(bytes, count, bytes.Length - count) is > 0 and var read)
        {
            count += read;
            if (count > limit)
                return null;
            if (count == bytes.Length)
                Array.Resize(ref bytes, (int)Math.Min(Math.Min(limit, Array.MaxLength - 1) + 1, 2L * bytes.Length));
        }

        return count == bytes.Length ? bytes : bytes[..count];
    }
}
