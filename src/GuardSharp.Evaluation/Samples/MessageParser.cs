using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Samples;

/// <summary>
/// Messages as JSON: <c>{"role","content"}</c>, the content a string or a list of parts <c>{"type":"text","text"}</c>,
/// <c>{"type":"image","path"}</c> (relative to the file), <c>{"type":"tool_call","name","arguments"}</c>.
/// </summary>
internal static class MessageParser
{
    /// <summary>More than any guard accepts: a file past it is refused before a byte of it is read.</summary>
    private const long MaxImageFileBytes = 64L << 20;

    /// <summary>Reads a file that holds <c>{"messages":[...]}</c> or the list alone, its images loaded.</summary>
    /// <exception cref="SampleFileException">The file is missing or is not such a conversation.</exception>
    public static Conversation ReadFile(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return ParseDocument(document.RootElement, Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".", path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SampleFileException($"{path}: the conversation cannot be read: {error.Message}", error);
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{path}: not a JSON document (line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}). Expected {{\"messages\":[{{\"role\",\"content\"}}]}}.", error);
        }
    }

    private static Conversation ParseDocument(JsonElement root, string folder, string place)
    {
        var messages = root;
        if (root.ValueKind == JsonValueKind.Object && !root.TryGetProperty("messages", out messages))
        {
            throw new SampleFileException($"{place}: the object has no \"messages\". Expected {{\"messages\":[{{\"role\",\"content\"}}]}} or the list alone.");
        }

        return LoadImages(new Conversation(Parse(messages, folder, place)), place);
    }

    /// <summary>The turns of a message list; images become <see cref="ImageFilePart"/>.</summary>
    /// <param name="messages">The JSON list.</param>
    /// <param name="folder">What image paths are relative to.</param>
    /// <param name="place">File and line, for messages.</param>
    /// <exception cref="SampleFileException">The list is not in the form above.</exception>
    public static IReadOnlyList<Turn> Parse(JsonElement messages, string folder, string place)
    {
        if (messages.ValueKind != JsonValueKind.Array)
        {
            throw new SampleFileException($"{place}: \"messages\" is {KindOf(messages)}, but must be a list of {{\"role\",\"content\"}}.");
        }

        if (messages.GetArrayLength() == 0)
        {
            throw new SampleFileException($"{place}: the conversation is empty. Give at least one message: the last one is judged.");
        }

        var turns = new List<Turn>(messages.GetArrayLength());
        foreach (var message in messages.EnumerateArray())
        {
            turns.Add(ParseTurn(message, folder, $"{place}: message {turns.Count + 1}"));
        }

        return turns;
    }

    /// <summary>The same conversation with the bytes of every image file in place.</summary>
    /// <exception cref="SampleFileException">An image cannot be read.</exception>
    public static Conversation LoadImages(Conversation conversation, string place) => new(
        [.. conversation.Turns.Select(turn => turn with { Parts = [.. turn.Parts.Select(part => part is ImageFilePart image ? new ImagePart(ReadImage(image.Path, place)) : part)] })]);

    /// <summary>The bytes of an image file; nothing is decoded.</summary>
    /// <exception cref="SampleFileException">The file is missing, unreadable or far beyond any image limit.</exception>
    public static byte[] ReadImage(string path, string place)
    {
        try
        {
            var length = new FileInfo(path).Length;
            return length <= MaxImageFileBytes
                ? File.ReadAllBytes(path)
                : throw new SampleFileException($"{place}: the image {path} has {length} bytes; at most {MaxImageFileBytes} are read. Send a smaller file.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SampleFileException($"{place}: the image cannot be read: {error.Message}", error);
        }
    }

    /// <summary>A role by its name in the file.</summary>
    /// <exception cref="SampleFileException">There is no such role.</exception>
    public static Role ParseRole(string? name, string place) => name switch
    {
        "user" => Role.User,
        "assistant" => Role.Assistant,
        "tool" => Role.Tool,
        "system" => Role.System,
        _ => throw new SampleFileException($"{place} has an unknown role. Roles are user, assistant, tool and system."),
    };

    /// <summary>A string property.</summary>
    /// <exception cref="SampleFileException">It is missing or not a whole string.</exception>
    public static string Text(JsonElement element, string name, string place)
    {
        var value = element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var found)
            ? found
            : throw new SampleFileException($"{place} has no \"{name}\".");
        return value.ValueKind == JsonValueKind.String
            ? Whole(value, name, place)
            : throw new SampleFileException($"{place}: \"{name}\" is {KindOf(value)}, but must be a string.");
    }

    /// <summary>What a JSON value is, in the words of a message.</summary>
    public static string KindOf(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a boolean",
    };

    private static Turn ParseTurn(JsonElement message, string folder, string place)
    {
        var role = ParseRole(Text(message, "role", place), place);
        if (!message.TryGetProperty("content", out var content))
        {
            throw new SampleFileException($"{place} has no \"content\".");
        }

        return content.ValueKind switch
        {
            JsonValueKind.String => new Turn(role, [new TextPart(Whole(content, "content", place))]),
            JsonValueKind.Array => new Turn(role, [.. content.EnumerateArray().Select(part => ParsePart(part, folder, place))]),
            _ => throw new SampleFileException($"{place}: \"content\" is {KindOf(content)}, but must be a string or a list of parts."),
        };
    }

    private static ContentPart ParsePart(JsonElement part, string folder, string place) => Text(part, "type", place) switch
    {
        "text" => new TextPart(Text(part, "text", place)),
        "image" => new ImageFilePart(ExistingImage(Path.GetFullPath(Text(part, "path", place), folder), place)),
        "tool_call" => new ToolCallPart(Text(part, "name", place), Text(part, "arguments", place)),
        _ => throw new SampleFileException($"{place} has a part of an unknown type. Types are text, image and tool_call."),
    };

    private static string ExistingImage(string path, string place) =>
        File.Exists(path) ? path : throw new SampleFileException($"{place}: there is no image {path}. Paths are relative to the file that names them.");

    // JSON may spell half of a surrogate pair, which is no character and cannot become UTF-8.
    private static string Whole(JsonElement value, string name, string place)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new SampleFileException($"{place}: \"{name}\" holds half of a surrogate pair, which is no character.", error);
        }
    }
}
