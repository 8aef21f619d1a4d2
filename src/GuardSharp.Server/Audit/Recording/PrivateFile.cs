namespace GuardSharp.Server.Audit.Recording;

/// <summary>Files that only the server's own user may read.</summary>
internal static class PrivateFile
{
    private const UnixFileMode FileMode600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a file, locked against other processes while it is open.</summary>
    /// <exception cref="IOException">It exists, or cannot be made.</exception>
    public static FileStream Create(string path) => new(path, Options(FileMode.CreateNew));

    /// <summary>Opens a file that exists; locked against other processes while it is open.</summary>
    /// <exception cref="IOException">It is gone, or another process has it open.</exception>
    public static FileStream Open(string path) => new(path, Options(FileMode.Open));

    /// <summary>Opens a file that exists, or makes it; locked against other processes while it is open.</summary>
    /// <exception cref="IOException">Another process has it open, or it cannot be made.</exception>
    public static FileStream OpenOrCreate(string path) => new(path, Options(FileMode.OpenOrCreate));

    /// <summary>Makes a folder that only the server's own user may enter.</summary>
    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, FileMode600 | UnixFileMode.UserExecute);
        }
    }

    private static FileStreamOptions Options(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (mode != FileMode.Open && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = FileMode600;
        }

        return options;
    }
}
