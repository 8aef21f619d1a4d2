using System.Text.Json;
using GuardSharp.Checkpoints.Gguf;

namespace GuardSharp.Checkpoints;

/// <summary>Finds the text of a folder's chat template. It is probed for its wording, never run.</summary>
internal static class ChatTemplate
{
    private const string Key = "chat_template";
    // Longest template, in characters: ten times the longest published one.
    private const long MaxBytes = 1 << 20;

    /// <summary>The template, or null: chat_template.jinja, else chat_template.json, else tokenizer_config.json (of several, the one named "default"), else that of the GGUF file.</summary>
    /// <exception cref="CheckpointException">A file is damaged.</exception>
    public static string? Read(string folder)
    {
        var jinja = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(jinja))
        {
            return ReadText(jinja);
        }

        foreach (var name in (string[])["chat_template.json", "tokenizer_config.json"])
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path) && JsonSection.ReadFile(path, Find) is { } template)
            {
                return template;
            }
        }

        if (GgufFile.Find(folder) is { } gguf)
        {
            using var file = GgufFile.Open(gguf);
            return file.Text("tokenizer.chat_template");
        }

        return null;
    }

    private static string ReadText(string path)
    {
        try
        {
            return new FileInfo(path).Length <= MaxBytes
                ? File.ReadAllText(path)
                : throw new CheckpointException($"{Path.GetFileName(path)}: larger than {MaxBytes} bytes. Is it a chat template?");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{Path.GetFileName(path)}: the file cannot be read: {exception.Message}", exception);
        }
    }

    private static string? Find(JsonSection root)
    {
        if (!root.TryGet(Key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw root.Error(Key, "neither", "a text, or a list of {\"name\", \"template\"}, is allowed");
        }

        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Object && IsText(item, "name", out var name) && name == "default" && IsText(item, "template", out var template))
            {
                return template;
            }
        }

        throw root.Error(Key, "a list without \"default\"", "one entry must be {\"name\": \"default\", \"template\": a text}");
    }

    private static bool IsText(JsonElement item, string key, out string? text)
    {
        text = item.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return text is not null;
    }
}
