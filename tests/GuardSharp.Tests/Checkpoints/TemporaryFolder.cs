namespace GuardSharp.Tests.Checkpoints;

/// <summary>A folder of a test, removed afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("guardsharp-test-");

    public string FullName => _folder.FullName;

    public string File(string name) => Path.Combine(FullName, name);

    public void Write(string name, string text) => System.IO.File.WriteAllText(File(name), text);

    public void Copy(string source)
    {
        foreach (var file in Directory.GetFiles(source))
        {
            System.IO.File.Copy(file, File(Path.GetFileName(file)));
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
