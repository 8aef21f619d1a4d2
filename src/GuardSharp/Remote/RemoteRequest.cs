using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Prompts;

namespace GuardSharp.Remote;

/// <summary>Writes the bodies of requests.</summary>
internal static class RemoteRequest
{
    // "unsafe", newlines before and after it, a stop; then a code of at most five characters and a comma, rarely more than four tokens.
    private const int FixedAnswerTokens = 8;
    private const int TokensPerCode = 6;

    private static readonly JsonWriterOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A prompt for /v1/completions: a string, or token ids.</summary>
    public static ReadOnlyMemory<byte> Completion(RemoteGuardOptions options, string? text, List<int>? ids, int codes) => Write(options, codes, writer =>
    {
        writer.WritePropertyName("prompt");
        if (ids is null)
        {
            writer.WriteStringValue(Utf8(text!));
        }
        else
        {
            writer.WriteStartArray();
            foreach (var id in ids)
                writer.WriteNumberValue(id);
            writer.WriteEndArray();
        }

        if (options.TopLogprobs > 0)
            writer.WriteNumber("logprobs", options.TopLogprobs);
    });

    /// <summary>Messages for /v1/chat/completions.</summary>
    public static ReadOnlyMemory<byte> Chat(RemoteGuardOptions options, List<RemoteMessage> messages, int codes) => Write(options, codes, writer =>
    {
        writer.WriteStartArray("messages");
        foreach (var message in messages)
            WriteMessage(writer, message, asParts: options.PromptVariant != PromptVariant.Guard3 || message.Images.Count > 0);
        writer.WriteEndArray();
        if (options.TopLogprobs > 0)
        {
            writer.WriteBoolean("logprobs", true);
            writer.WriteNumber("top_logprobs", options.TopLogprobs);
        }
    });

    private static ReadOnlyMemory<byte> Write(RemoteGuardOptions options, int codes, Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, _plain))
        {
            writer.WriteStartObject();
            writer.WriteString("model", options.Model);
            content(writer);
            writer.WriteNumber("max_tokens", FixedAnswerTokens + TokensPerCode * codes);
            writer.WriteNumber("temperature", 0);
            writer.WriteBoolean("stream", false);
            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    // The template of Llama Guard 3 8B reads strings, the others lists of typed parts: to them a string is an empty conversation.
    private static void WriteMessage(Utf8JsonWriter writer, RemoteMessage message, bool asParts)
    {
        writer.WriteStartObject();
        writer.WriteString("role", message.IsAssistant ? "assistant" : "user");
        if (asParts)
        {
            writer.WriteStartArray("content");
            foreach (var image in message.Images)
            {
                RemoteMessages.WriteImage(writer, image);
            }

            foreach (var text in message.Texts)
            {
                writer.WriteStartObject();
                writer.WriteString("type", "text");
                writer.WriteString("text", Utf8(text));
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }
        else
        {
            writer.WriteString("content", Utf8(string.Join('\n', message.Texts)));
        }

        writer.WriteEndObject();
    }

    // Half of a surrogate pair becomes U+FFFD, as in our own tokenizer; the writer would refuse it.
    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
