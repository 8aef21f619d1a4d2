using System.Text;
using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>Writes a conversation as a JSON list of messages, in the form that <see cref="ConversationJson"/> reads.</summary>
internal static class ContentJson
{
    /// <summary>The list; pictures as data URIs.</summary>
    public static string Write(Conversation conversation)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var turn in conversation.Turns)
            {
                Write(json, turn);
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void Write(Utf8JsonWriter json, Turn turn)
    {
        json.WriteStartObject();
        json.WriteString("role", turn.Role switch
        {
            Role.User => "user",
            Role.Assistant => "assistant",
            Role.Tool => "tool",
            _ => "system",
        });
        if (turn.Parts is [TextPart only])
        {
            json.WriteString("content", only.Text);
        }
        else
        {
            json.WriteStartArray("content");
            foreach (var part in turn.Parts)
            {
                Write(json, part);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ContentPart part)
    {
        json.WriteStartObject();
        switch (part)
        {
            case TextPart text:
                json.WriteString("type", "text");
                json.WriteString("text", text.Text);
                break;
            case ImagePart image:
                json.WriteString("type", "image_url");
                json.WriteStartObject("image_url");
                json.WriteString("url", $"data:{MediaType(image.Data.Span)};base64,{Convert.ToBase64String(image.Data.Span)}");
                json.WriteEndObject();
                break;
            case ToolCallPart call:
                json.WriteString("type", "tool_call");
                json.WriteString("name", call.Name);
                json.WriteString("arguments", call.Arguments);
                break;
            default:
                throw new AuditException($"A conversation holds a {part.GetType().Name}, which the audit cannot store. It knows text, images and tool calls.");
        }

        json.WriteEndObject();
    }

    private static string MediaType(ReadOnlySpan<byte> data) => data switch
    {
        [0xFF, 0xD8, ..] => "image/jpeg",
        [0x52, 0x49, 0x46, 0x46, ..] => "image/webp",
        _ => "image/png",
    };
}
