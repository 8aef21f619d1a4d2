namespace GuardSharp.Checkpoints;

/// <summary>Writes a file so that its name holds either the old or the whole new content, never half of it.</summary>
internal static class ReplacedFile
{
    /// <summary>The temporary name beside a file: a rename within a folder cannot fail halfway.</summary>
    public static string TemporaryPath(string path) => $"{path}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";

    /// <summary>Writes a temporary file, then renames it; after an error nothing of it remains.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var temporary = TemporaryPath(path);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception exception)
        {
            File.Delete(temporary);
            if (exception is IOException or UnauthorizedAccessException)
            {
                throw new CheckpointException($"{Path.GetFileName(path)}: the file cannot be written: {exception.Message}", exception);
            }

            throw;
        }
    }
}
