using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Remote;

namespace GuardSharp.Evaluation.Guards;

/// <summary>Bodies of other services' requests and answers.</summary>
internal static class ForeignJson
{
    /// <summary>Stands for a model's name that is not sent.</summary>
    public const string NoModel = "default";

    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a body.</summary>
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, _readable))
        {
            content(writer);
        }

        return buffer.WrittenMemory;
    }

    /// <summary>Reads an answer.</summary>
    /// <param name="body">Its bytes.</param>
    /// <param name="what">What it should be, for the message.</param>
    /// <param name="read">Takes what is needed.</param>
    /// <exception cref="RemoteGuardException">It is something else.</exception>
    public static T Read<T>(byte[] body, string what, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return read(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or ArgumentException)
        {
            throw new RemoteGuardException($"What the server answered is not {what}. Is it the right address?", isTransient: false, innerException: error);
        }
    }

    /// <summary>A number from 0 to 1.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static double Probability(JsonElement value) => value.GetDouble() is >= 0 and <= 1 and var number ? number : throw new JsonException("a score is not from 0 to 1");

    /// <summary>Text as UTF-8; half of a surrogate pair becomes U+FFFD, where the writer would refuse it.</summary>
    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A conversation as the messages of chat interfaces.</summary>
    public static void WriteMessages(Utf8JsonWriter writer, Conversation conversation)
    {
        writer.WriteStartArray("messages");
        foreach (var turn in conversation.Turns)
        {
            writer.WriteStartObject();
            writer.WriteString("role", turn.Role.ToString().ToLowerInvariant());
            writer.WritePropertyName("content");
            WriteParts(writer, turn);
            WriteCalls(writer, [.. turn.Parts.OfType<ToolCallPart>()]);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    /// <summary>A text and its pictures as a list of parts.</summary>
    public static void WriteParts(Utf8JsonWriter writer, string text, IEnumerable<ImagePart> images)
    {
        writer.WriteStartArray();
        if (text.Length > 0)
        {
            WriteText(writer, text);
        }

        foreach (var image in images)
        {
            RemoteMessages.WriteImage(writer, image);
        }

        writer.WriteEndArray();
    }

    private static void WriteParts(Utf8JsonWriter writer, Turn turn)
    {
        writer.WriteStartArray();
        foreach (var part in turn.Parts)
        {
            if (part is TextPart text)
            {
                WriteText(writer, text.Text);
            }
            else if (part is ImagePart image)
            {
                RemoteMessages.WriteImage(writer, image);
            }
        }

        writer.WriteEndArray();
    }

    private static void WriteCalls(Utf8JsonWriter writer, IReadOnlyList<ToolCallPart> calls)
    {
        if (calls.Count == 0)
        {
            return;
        }

        writer.WriteStartArray("tool_calls");
        foreach (var call in calls)
        {
            writer.WriteStartObject();
            writer.WriteString("type", "function");
            writer.WriteStartObject("function");
            writer.WriteString("name", Utf8(call.Name));
            writer.WriteString("arguments", Utf8(call.Arguments));
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter writer, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "text");
        writer.WriteString("text", Utf8(text));
        writer.WriteEndObject();
    }
}
