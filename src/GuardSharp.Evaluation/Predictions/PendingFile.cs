using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>A file that appears whole or not at all: written beside its place under another name, then renamed.</summary>
internal sealed class PendingFile : IDisposable
{
    private readonly string _path;
    private readonly string _pendingPath;
    private bool _committed;

    /// <exception cref="SampleFileException">The folder does not exist or cannot be written to.</exception>
    public PendingFile(string path)
    {
        try
        {
            _path = Path.GetFullPath(path);
            _pendingPath = $"{_path}.{Environment.ProcessId}.part";
            if (Directory.Exists(_path))
            {
                throw new IOException("it is a folder.");
            }

            Stream = new FileStream(_pendingPath, FileMode.Create, FileAccess.Write, FileShare.Read, 1 << 16);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SampleFileException($"{path}: the file cannot be written: {error.Message}", error);
        }
    }

    /// <summary>What is written here becomes the file.</summary>
    public FileStream Stream { get; }

    /// <summary>Puts the file in its place, over an older one.</summary>
    /// <exception cref="SampleFileException">The disk is full or the place cannot be written.</exception>
    public void Commit()
    {
        try
        {
            Stream.Flush(flushToDisk: true);
            Stream.Dispose();
            File.Move(_pendingPath, _path, overwrite: true);
            _committed = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SampleFileException($"{_path}: the file cannot be written: {error.Message}", error);
        }
    }

    /// <summary>Removes what was written unless it was committed.</summary>
    public void Dispose()
    {
        try
        {
            Stream.Dispose();
        }
        finally
        {
            // On a full disk the last bytes cannot be flushed; what was written goes all the same.
            if (!_committed)
            {
                File.Delete(_pendingPath);
            }
        }
    }
}
