using System.Text.Json;

namespace GuardSharp.Conversations;

/// <summary>Reads single messages of a JSON conversation. Every error names the message by its place, from 1, and holds none of its text.</summary>
/// <param name="imageFolder">Where image paths start; null makes paths an error.</param>
/// <param name="source">What errors call the document.</param>
/// <param name="remoteImages">The image behind a URL; null: URLs are errors.</param>
/// <param name="named">Is told the path of every image file, which is then not read; null: files are read.</param>
internal sealed class MessageReader(
    string? imageFolder, string source, Func<string, ReadOnlyMemory<byte>?>? remoteImages = null, Action<string>? named = null)
{
    private const string PartTypes = "text, image, image_url, refusal or tool_call";

    /// <summary>Reads the content of a user message that stands without one.</summary>
    public Turn ReadUser(JsonElement content)
    {
        var parts = new List<ContentPart>();
        ReadContent(content, parts, number: 1);
        return new Turn(Role.User, parts);
    }

    public Turn Read(JsonElement message, int number)
    {
        if (message.ValueKind != JsonValueKind.Object)
            throw Error(number, $"is {message.ValueKind}", "an object with role and content");
        var role = ReadRole(message, number);
        var parts = new List<ContentPart>();
        ReadBeside(message, parts, number);
        if (message.TryGetProperty("content", out var content))
            ReadContent(content, parts, number);
        // An assistant that declines says so beside an empty content.
        if (message.TryGetProperty("refusal", out var refusal) && refusal.ValueKind != JsonValueKind.Null)
            parts.Add(new TextPart(Text(message, "refusal", number)));
        var calls = message.TryGetProperty("tool_calls", out var list) && list.ValueKind != JsonValueKind.Null;
        if (calls)
            ReadCalls(list, parts, number);
        // What came before tool_calls; skipped, its arguments would go unjudged.
        if (message.TryGetProperty("function_call", out var single) && single.ValueKind != JsonValueKind.Null)
            parts.Add(ReadFunction(single, number));
        if (content.ValueKind == JsonValueKind.Undefined && parts.Count == 0 && !calls)
            throw Error(number, "has no content", "a string or a list of parts");
        return new Turn(role, parts);
    }

    /// <summary>What a model says beside its content: its reader gets that too, so it is judged with it.</summary>
    private void ReadBeside(JsonElement message, List<ContentPart> parts, int number)
    {
        foreach (var key in (string[])["reasoning_content", "reasoning"])
        {
            if (message.TryGetProperty(key, out var reasoning) && reasoning.ValueKind != JsonValueKind.Null)
                parts.Add(new TextPart(Text(message, key, number)));
        }

        if (message.TryGetProperty("audio", out var audio) && audio.ValueKind != JsonValueKind.Null)
        {
            parts.Add(audio.ValueKind == JsonValueKind.Object && audio.TryGetProperty("transcript", out _)
                ? new TextPart(Text(audio, "transcript", number))
                : throw Error(number, "has audio without a transcript, which cannot be judged", "text and images"));
        }
    }

    private Role ReadRole(JsonElement message, int number)
    {
        if (!message.TryGetProperty("role", out var role) || role.ValueKind != JsonValueKind.String)
            throw Error(number, "has no role", "user, assistant, tool, system or developer");
        return role.GetString() switch
        {
            "user" => Role.User,
            "assistant" => Role.Assistant,
            "tool" or "function" => Role.Tool,
            "system" or "developer" => Role.System,
            var other => throw Error(number, $"has the unknown role \"{Shorten(other!)}\"", "user, assistant, tool, system or developer"),
        };
    }

    private void ReadContent(JsonElement content, List<ContentPart> parts, int number)
    {
        switch (content.ValueKind)
        {
            case JsonValueKind.Null:
                break;
            case JsonValueKind.String:
                parts.Add(new TextPart(content.GetString()!));
                break;
            case JsonValueKind.Array:
                foreach (var part in content.EnumerateArray())
                    parts.Add(ReadPart(part, number));
                break;
            default:
                throw Error(number, $"has content that is {content.ValueKind}", "a string or a list of parts");
        }
    }

    private ContentPart ReadPart(JsonElement part, int number)
    {
        var type = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : throw Error(number, "has a part without type", PartTypes);
        return type switch
        {
            "text" or "input_text" or "output_text" => new TextPart(Text(part, "text", number)),
            "refusal" => new TextPart(Text(part, "refusal", number)),
            "image" => new ImagePart(ReadImageFile(Text(part, "path", number), number)),
            "image_url" or "input_image" => new ImagePart(ReadImageUrl(part, number)),
            "tool_call" => ReadCall(part, number),
            _ => throw Error(number, $"has a part of the unknown type \"{Shorten(type!)}\"", PartTypes),
        };
    }

    private void ReadCalls(JsonElement calls, List<ContentPart> parts, int number)
    {
        if (calls.ValueKind != JsonValueKind.Array)
            throw Error(number, $"has tool_calls that is {calls.ValueKind}", "a list of calls");
        foreach (var call in calls.EnumerateArray())
            parts.Add(ReadFunction(call.ValueKind == JsonValueKind.Object && call.TryGetProperty("function", out var function) ? function : default, number));
    }

    private ToolCallPart ReadFunction(JsonElement function, int number) => function.ValueKind == JsonValueKind.Object
        ? ReadCall(function, number)
        : throw Error(number, "has a tool call without function", "{\"type\":\"function\",\"function\":{\"name\",\"arguments\"}}");

    private ToolCallPart ReadCall(JsonElement call, int number)
    {
        var arguments = call.TryGetProperty("arguments", out var value) ? value : default;
        return new ToolCallPart(Text(call, "name", number), arguments.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => "{}",
            JsonValueKind.String => arguments.GetString()!,
            _ => arguments.GetRawText(),
        });
    }

    private byte[] ReadImageFile(string path, int number)
    {
        if (imageFolder is null)
            throw Error(number, "names an image by its path", "a data URI in image_url: paths are read from conversation files only");
        var root = Path.GetFullPath(imageFolder);
        if (path.Length == 0 || path.Contains('\0') || Path.IsPathRooted(path))
            throw Error(number, "has an image path that is empty or absolute", "a path relative to the conversation's file");
        var full = Path.GetFullPath(Path.Combine(root, path));
        if (!full.StartsWith(Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw Error(number, "has an image path that leads out of the folder", "a file in or below the folder of the conversation's file");
        if (named is not null)
        {
            named(path);
            return [];
        }

        try
        {
            return BoundedFile.Read(full, ConversationJson.MaxImageBytes) ?? throw TooLarge(number);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"{source}: the image of message {number} cannot be read: {e.Message}", e);
        }
    }

    private ReadOnlyMemory<byte> ReadImageUrl(JsonElement part, int number)
    {
        var url = ImageUrls.Of(part) ?? throw Error(number, "has an image_url without url", "{\"url\":\"data:image/png;base64,...\"}");
        if (remoteImages is not null && ImageUrls.IsRemote(url))
            return remoteImages(url) ?? throw Error(number, "has an image_url that was not fetched", "data:image/png;base64,...");
        const string Marker = ";base64,";
        var start = url.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase) ? url.IndexOf(Marker, StringComparison.OrdinalIgnoreCase) : -1;
        if (start < 0)
            throw Error(number, "has an image_url that is no data URI", "data:image/png;base64,...; images are not fetched from a network");
        var encoded = url.AsSpan(start + Marker.Length);
        if (encoded.Length / 4L * 3 > ConversationJson.MaxImageBytes)
            throw TooLarge(number);
        var bytes = new byte[encoded.Length / 4 * 3 + 3];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var written) || written == 0)
            throw new ImageException($"{source}: the data URI of message {number} is not base64. Encode the image's bytes as base64 with padding.");
        return bytes.AsMemory(0, written);
    }

    private ImageException TooLarge(int number) => new(
        $"{source}: an image of message {number} has more than {ConversationJson.MaxImageBytes} bytes, which is the most allowed. Send a smaller file.");

    private string Text(JsonElement part, string key, int number) =>
        part.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw Error(number, $"has a part or call whose {key} is missing or no string", $"a string \"{key}\"");

    private static string Shorten(string word) =>
        new([.. (word.Length > 20 ? word[..20] : word).Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' ? c : '?')]);

    private InvalidConversationException Error(int number, string seen, string allowed) =>
        new($"{source}: message {number} {seen}; allowed is {allowed}.");
}
