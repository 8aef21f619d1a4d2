namespace GuardSharp.Checkpoints;

/// <summary>A folder that appears under its name with all its files, or not at all.</summary>
internal sealed class PendingFolder : IDisposable
{
    private readonly string _path;
    private bool _done;

    /// <summary>Makes a temporary folder beside the one to be.</summary>
    /// <param name="path">The folder to be; there must be none, or an empty one.</param>
    /// <exception cref="CheckpointException">It exists and holds something, or cannot be made.</exception>
    public PendingFolder(string path)
    {
        _path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        Path = ReplacedFile.TemporaryPath(_path);
        if (File.Exists(_path) || (Directory.Exists(_path) && Directory.EnumerateFileSystemEntries(_path).Any()))
        {
            throw new CheckpointException($"{path}: is there already. Name a folder that does not exist, or remove this one.");
        }

        try
        {
            Directory.CreateDirectory(Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: the folder cannot be made: {error.Message}", error);
        }
    }

    /// <summary>Where the files are written.</summary>
    public string Path { get; }

    /// <summary>Gives the folder its name.</summary>
    public void Commit()
    {
        try
        {
            if (Directory.Exists(_path))
            {
                Directory.Delete(_path);
            }

            Directory.Move(Path, _path);
            _done = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{_path}: the folder cannot be given its name: {error.Message}", error);
        }
    }

    /// <summary>Removes everything unless it was committed.</summary>
    public void Dispose()
    {
        if (!_done && Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
