using GuardSharp.Checkpoints;

namespace GuardSharp.Hub;

/// <summary>A repository's folder in the cache, laid out as the hub's own tools do, so that each finds what the other fetched.</summary>
/// <remarks>
/// blobs/HASH holds the content, snapshots/COMMIT/PATH links to it, refs/REVISION names the commit.
/// Layout: "Understand caching" in the documentation of huggingface_hub.
/// </remarks>
/// <param name="cacheFolder">The cache.</param>
/// <param name="repository">The repository.</param>
internal sealed class HubCache(string cacheFolder, RepositoryName repository)
{
    private const int CommitDigits = 40;

    // What an open says of a file that another process holds: ERROR_SHARING_VIOLATION, EWOULDBLOCK. All else, such as a disk that cannot be written, does not pass by waiting.
    private const int WindowsHeld = unchecked((int)0x80070020);
    private const int LinuxHeld = 11;
    private const int MacHeld = 35;

    // Links to folders are followed, so a circle of them must end; repositories are two or three folders deep.
    private static readonly EnumerationOptions _below = new() { RecurseSubdirectories = true, MaxRecursionDepth = 8, AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    private readonly string _folder = Path.Combine(Path.GetFullPath(cacheFolder), repository.FolderName);

    /// <summary>The folder a revision was fetched to; null: none was.</summary>
    public string? Find(string revision)
    {
        var reference = RefPath(revision);
        var commit = IsCommit(revision) ? revision : File.Exists(reference) ? File.ReadAllText(reference).Trim() : null;
        return commit is not null && IsCommit(commit) && Directory.Exists(Snapshot(commit)) ? Snapshot(commit) : null;
    }

    /// <summary>The folder of a commit.</summary>
    public string Snapshot(string commit) => Path.Combine(_folder, "snapshots", commit);

    /// <summary>Where the content of a file lies.</summary>
    public string BlobPath(HubFile file) => Path.Combine(_folder, "blobs", file.Hash);

    /// <summary>Where the content lies while it comes in; the name that other tools use too, so that each can go on where the other stopped.</summary>
    public string PartialPath(HubFile file) => BlobPath(file) + ".incomplete";

    /// <summary>Whether a file is here, whole.</summary>
    public bool Has(string commit, HubFile file) => LengthOf(FilePath(commit, file)) == file.Size || LengthOf(BlobPath(file)) == file.Size;

    /// <summary>Bytes of a file, through links; 0 where a link leads nowhere.</summary>
    public static long BytesOf(string path) => LengthOf(path) ?? 0;

    /// <summary>The files of a snapshot, links that lead nowhere included.</summary>
    public static IEnumerable<string> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*", _below);

    /// <summary>Whether there is a file, through links.</summary>
    public static bool IsThere(string path) => LengthOf(path) is not null;

    /// <summary>Bytes of a file that are here already, of an interrupted download.</summary>
    public long PartialBytes(HubFile file) => LengthOf(PartialPath(file)) is { } bytes && bytes <= file.Size ? bytes : 0;

    /// <summary>Makes the folders that files are put into.</summary>
    public void CreateFolders()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "blobs"));
        Directory.CreateDirectory(Path.GetDirectoryName(LockPath("x"))!);
    }

    /// <summary>Waits until no other process fetches this file.</summary>
    /// <returns>Dispose it to let others in.</returns>
    public async Task<IDisposable> LockAsync(HubFile file, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                // An exclusive open is flock(2) here, as the hub's Python tools use.
                return new FileStream(LockPath(file.Hash), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException error) when (error.HResult is WindowsHeld or LinuxHeld or MacHeld)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Shows a blob under its path in the snapshot.</summary>
    public void Link(string commit, HubFile file)
    {
        var (path, blob) = (FilePath(commit, file), BlobPath(file));
        if (LengthOf(path) == file.Size)
        {
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Made under a name of its own and renamed: another process may put the same link there, and a link to a blob that was deleted takes the name, too.
        var link = $"{path}.{Guid.NewGuid():N}";
        try
        {
            File.CreateSymbolicLink(link, Path.GetRelativePath(Path.GetDirectoryName(path)!, blob));
            File.Move(link, path, overwrite: true);
        }
        catch (Exception error) when ((error is IOException or UnauthorizedAccessException) && OperatingSystem.IsWindows())
        {
            // Windows asks for a right that few users have. The other tools put the file itself there, too.
            File.Move(blob, path, overwrite: true);
        }
    }

    /// <summary>Notes which commit a revision is. Written last: whoever finds it finds all files.</summary>
    public void WriteRef(string revision, string commit)
    {
        if (!IsCommit(revision))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(RefPath(revision))!);
            ReplacedFile.Write(RefPath(revision), stream => stream.Write(System.Text.Encoding.ASCII.GetBytes(commit)));
        }
    }

    private string FilePath(string commit, HubFile file) => Path.Combine(Snapshot(commit), file.Path.Replace('/', Path.DirectorySeparatorChar));

    private string RefPath(string revision) => Path.Combine(_folder, "refs", revision);

    private string LockPath(string hash) => Path.Combine(Path.GetFullPath(cacheFolder), ".locks", repository.FolderName, hash + ".lock");

    private static bool IsCommit(string text) => text.Length == CommitDigits && text.All(char.IsAsciiHexDigit);

    // Of the file itself, through links; null where there is none.
    private static long? LengthOf(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return RandomAccess.GetLength(file);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            // File.Exists is true of a link that leads nowhere.
            return null;
        }
    }
}
