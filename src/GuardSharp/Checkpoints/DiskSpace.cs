namespace GuardSharp.Checkpoints;

/// <summary>Whether a disk can hold what is about to be written: better told before the first of 24 GB than after the last.</summary>
internal static class DiskSpace
{
    /// <summary>Free bytes of the disk that holds a folder, or will hold it.</summary>
    public static long FreeBytes(string folder)
    {
        var existing = Path.GetFullPath(folder);
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
        {
            existing = parent;
        }

        return new DriveInfo(existing).AvailableFreeSpace;
    }

    /// <summary>Bytes as people read them: <c>2.5 GB</c>, powers of 1000.</summary>
    public static string Show(long bytes) => bytes switch
    {
        >= 1_000_000_000 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / 1e9:F1} GB"),
        >= 1_000_000 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB"),
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes:N0} bytes"),
    };
}
