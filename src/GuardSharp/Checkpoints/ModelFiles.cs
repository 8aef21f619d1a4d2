namespace GuardSharp.Checkpoints;

/// <summary>The files of a model folder that hold no weights: tokenizer, configuration, licences.</summary>
internal static class ModelFiles
{
    /// <summary>About as many bytes as they take.</summary>
    public const long Bytes = 64_000_000;

    // Files of weights in any of the forms a repository may hold.
    private static readonly string[] _weightFiles = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pth", ".pt", ".gguf", ".onnx", ".pte", ".tmp"];

    /// <summary>Copies them into a folder for other weights.</summary>
    /// <param name="source">The model folder.</param>
    /// <param name="target">The folder to copy into.</param>
    /// <param name="except">Files that the caller writes himself.</param>
    /// <exception cref="CheckpointException">A file cannot be copied.</exception>
    public static void Copy(string source, string target, params IReadOnlyCollection<string> except)
    {
        foreach (var path in Directory.GetFiles(source))
        {
            var name = Path.GetFileName(path);
            var isWeights = Array.Exists(_weightFiles, ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
            if (!isWeights && !except.Contains(name) && !name.StartsWith('.'))
            {
                CopyFile(path, Path.Combine(target, name));
            }
        }
    }

    /// <summary>Refuses to begin what the disk has no room for.</summary>
    /// <param name="output">A folder, which need not exist.</param>
    /// <param name="weightBytes">Bytes of the weights.</param>
    /// <exception cref="CheckpointException">They do not fit beside the other files.</exception>
    public static void CheckSpace(string output, long weightBytes)
    {
        if (DiskSpace.FreeBytes(output) is var free && weightBytes + Bytes > free)
        {
            throw new CheckpointException($"{output}: the model takes {DiskSpace.Show(weightBytes + Bytes)}, but the disk has {DiskSpace.Show(free)} free. Choose another disk.");
        }
    }

    private static void CopyFile(string source, string target)
    {
        try
        {
            File.Copy(source, target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{Path.GetFileName(source)}: the file cannot be copied: {error.Message}", error);
        }
    }
}
