using System.Text.Json;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.AI;

namespace GuardSharp.Server.Chat;

/// <summary>Reads messages of a chat completion. Errors name the message by its place, from 1, and hold none of its text.</summary>
internal static class ChatMessageReader
{
    private const string Marker = ";base64,";

    /// <summary>All messages.</summary>
    /// <exception cref="ApiException">400: one of them is no message, or holds what this server does not pass on.</exception>
    public static List<ChatMessage> Read(JsonElement root, int maxMessages)
    {
        if (root.Optional("messages") is not { ValueKind: JsonValueKind.Array } list)
            throw ApiException.BadRequest("\"messages\" is missing or no list.", "messages");
        if (list.GetArrayLength() is var count && (count == 0 || count > maxMessages))
            throw ApiException.BadRequest($"\"messages\" has {count} entries; allowed are 1 to {maxMessages} (MaxMessages).", "messages");
        return [.. list.EnumerateArray().Select((message, i) => ReadMessage(message, i + 1))];
    }

    private static ChatMessage ReadMessage(JsonElement message, int number)
    {
        if (message.ValueKind != JsonValueKind.Object)
            throw Wrong(number, "is no object");
        var role = message.OptionalText("role") switch
        {
            "user" => ChatRole.User,
            "assistant" => ChatRole.Assistant,
            "tool" => ChatRole.Tool,
            "system" or "developer" => ChatRole.System,
            _ => throw Wrong(number, "has a role that is none of user, assistant, tool, system, developer"),
        };
        var contents = ReadContent(message.Optional("content"), number);
        if (message.OptionalText("refusal") is { } refusal)
            contents.Add(new TextContent(refusal));
        if (role == ChatRole.Tool)
        {
            var text = string.Concat(contents.Select(content => content as TextContent ?? throw Wrong(number, "is a tool's result and holds more than text")));
            contents = [new FunctionResultContent(message.OptionalText("tool_call_id") ?? throw Wrong(number, "has no tool_call_id"), text)];
        }
        else if (message.Optional("tool_calls") is { } calls)
        {
            if (role != ChatRole.Assistant || calls.ValueKind != JsonValueKind.Array)
                throw Wrong(number, "has tool_calls that are no list, or are not the assistant's");
            contents.AddRange(calls.EnumerateArray().Select(call => ReadCall(call, number)));
        }

        return new ChatMessage(role, contents);
    }

    private static List<AIContent> ReadContent(JsonElement? content, int number) => content switch
    {
        null => [],
        { ValueKind: JsonValueKind.String } text => [new TextContent(text.GetString())],
        { ValueKind: JsonValueKind.Array } parts => [.. parts.EnumerateArray().Select(part => ReadPart(part, number))],
        _ => throw Wrong(number, "has content that is neither a string nor a list of parts"),
    };

    private static AIContent ReadPart(JsonElement part, int number) => (part.ValueKind == JsonValueKind.Object ? part.OptionalText("type") : null) switch
    {
        "text" => new TextContent(part.OptionalText("text") ?? throw Wrong(number, "has a text part without text")),
        "refusal" => new TextContent(part.OptionalText("refusal") ?? throw Wrong(number, "has a refusal part without refusal")),
        "image_url" => ReadImage(part.Optional("image_url"), number),
        _ => throw Wrong(number, "has a part that is neither text nor image_url; nothing else can be judged", "content_not_allowed"),
    };

    private static DataContent ReadImage(JsonElement? image, int number)
    {
        var url = image switch
        {
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            { ValueKind: JsonValueKind.Object } value => value.OptionalText("url"),
            _ => null,
        };
        if (url is null || !url.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase) || url.IndexOf(Marker, StringComparison.OrdinalIgnoreCase) is var start && start < 0)
            throw Wrong(number, "has an image_url that is no data URI (data:image/png;base64,...); images are not fetched", "content_not_allowed");
        var encoded = url.AsSpan(start + Marker.Length);
        var bytes = new byte[encoded.Length / 4 * 3 + 3];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var written) || written == 0)
            throw Wrong(number, "has an image that is not base64", "invalid_image");
        // The kind is said anew: nothing of the URI's own words goes on.
        var kind = url["data:".Length..start].ToLowerInvariant() is "image/jpeg" or "image/jpg" ? "image/jpeg" : url.StartsWith("data:image/webp", StringComparison.OrdinalIgnoreCase) ? "image/webp" : "image/png";
        return new DataContent(bytes.AsMemory(0, written), kind);
    }

    private static FunctionCallContent ReadCall(JsonElement call, int number)
    {
        var function = call.ValueKind == JsonValueKind.Object ? call.Optional("function") : null;
        if (function is not { ValueKind: JsonValueKind.Object } value || call.OptionalText("id") is not { } id || value.OptionalText("name") is not { } name)
            throw Wrong(number, "has a tool call without id, function or name");
        try
        {
            using var arguments = JsonDocument.Parse(value.OptionalText("arguments") is { Length: > 0 } text ? text : "{}", new JsonDocumentOptions { AllowDuplicateProperties = false });
            return new FunctionCallContent(id, name, arguments.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => (object?)entry.Value.Clone()));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw Wrong(number, "has a tool call whose arguments are no JSON object");
        }
    }

    private static ApiException Wrong(int number, string seen, string? code = null) => ApiException.BadRequest($"Message {number} {seen}.", "messages", code);
}
