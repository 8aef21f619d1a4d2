namespace GuardSharp.Tests;

/// <summary>A folder of its own for one test, removed with everything in it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("guardsharp-test-").FullName;

    /// <summary>The path of a file in the folder.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a text file and returns its path.</summary>
    public string Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    /// <summary>Copies the files of another folder, not its folders.</summary>
    public void CopyFrom(string folder)
    {
        foreach (var file in Directory.GetFiles(folder))
        {
            File.Copy(file, this[System.IO.Path.GetFileName(file)]);
        }
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
