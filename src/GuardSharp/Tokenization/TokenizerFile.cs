namespace GuardSharp.Tokenization;

/// <summary>Opens the tokenizer of a checkpoint.</summary>
internal static class TokenizerFile
{
    /// <summary>The file name in Hugging Face folders.</summary>
    public const string HuggingFaceName = "tokenizer.json";

    /// <summary>The file name in Meta's folders.</summary>
    public const string TiktokenName = "tokenizer.model";

    /// <summary>Loads a tokenizer.</summary>
    /// <param name="path">A <c>tokenizer.json</c>, a tiktoken <c>tokenizer.model</c> of Llama 3 or Llama 4, or a folder that holds one of them; the first is preferred.</param>
    /// <exception cref="CheckpointException">The file is missing, damaged, or of a kind that this class does not know.</exception>
    public static BpeTokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            path = Find(path);
        }

        var content = Read(path);
        return IsJson(content) ? new HuggingFaceReader(path).Read(content) : TiktokenReader.Read(path, content);
    }

    // No line of base64 starts with a brace.
    private static bool IsJson(byte[] content)
    {
        var at = 0;
        while (at < content.Length && char.IsWhiteSpace((char)content[at]))
        {
            at++;
        }

        return at < content.Length && content[at] == '{';
    }

    private static string Find(string folder)
    {
        foreach (var name in (ReadOnlySpan<string>)[HuggingFaceName, TiktokenName])
        {
            if (File.Exists(Path.Combine(folder, name)))
            {
                return Path.Combine(folder, name);
            }
        }

        throw new CheckpointException($"{folder}: holds neither {HuggingFaceName} nor {TiktokenName}. Is it a checkpoint's folder, fully downloaded?");
    }

    private static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: cannot be read ({e.Message}). Name a {HuggingFaceName}, a {TiktokenName}, or their folder.", e);
        }
    }
}
