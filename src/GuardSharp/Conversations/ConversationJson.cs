using System.Text.Json;

namespace GuardSharp.Conversations;

/// <summary>Reads conversations from JSON in the form of chat interfaces.</summary>
/// <remarks>
/// A list of messages, or an object whose <c>messages</c> is one. A message has a <c>role</c> (user, assistant, tool, system; developer counts
/// as system) and a <c>content</c>: a string, null, or a list of parts <c>{"type":"text","text"}</c>, <c>{"type":"image","path"}</c>,
/// <c>{"type":"image_url","image_url":{"url":"data:image/png;base64,..."}}</c>, <c>{"type":"refusal","refusal"}</c> and
/// <c>{"type":"tool_call","name","arguments"}</c> (also input_text, output_text and input_image, as newer interfaces name them); an assistant
/// may have <c>tool_calls</c>, the older <c>function_call</c>, <c>refusal</c>, <c>reasoning_content</c> (or <c>reasoning</c>) and the transcript
/// of its <c>audio</c> as chat interfaces write them. Other keys are ignored.
/// Image paths are relative to the file and stay inside its folder: absolute paths and <c>..</c> out of it are errors, links are followed.
/// Nothing is fetched from a network.
/// </remarks>
public static class ConversationJson
{
    /// <summary>The largest image file that is read, in bytes.</summary>
    public const long MaxImageBytes = 20L << 20;

    private const long MaxFileBytes = 256L << 20;

    // Of a content given twice one would be judged and the other perhaps answered.
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a file; image paths in it are relative to its folder.</summary>
    /// <exception cref="InvalidConversationException">The file is missing or holds no conversation.</exception>
    /// <exception cref="ImageException">An image is missing or too large.</exception>
    public static Conversation ReadFile(string path)
    {
        byte[] bytes;
        try
        {
            bytes = BoundedFile.Read(path, MaxFileBytes)
                ?? throw new InvalidConversationException($"{path}: a conversation file holds at most {MaxFileBytes} bytes, and this one more.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidConversationException($"{path}: cannot be read: {e.Message} Give the path of a JSON file.", e);
        }

        return Read(bytes, Path.GetDirectoryName(Path.GetFullPath(path)), path);
    }

    /// <summary>Reads UTF-8 JSON.</summary>
    /// <param name="utf8Json">The document.</param>
    /// <param name="imageFolder">Where image paths start; null makes paths an error.</param>
    /// <param name="source">What errors call the document.</param>
    /// <exception cref="InvalidConversationException">The document is no conversation.</exception>
    /// <exception cref="ImageException">An image is missing or too large.</exception>
    public static Conversation Read(ReadOnlyMemory<byte> utf8Json, string? imageFolder = null, string source = "conversation")
    {
        try
        {
            // Editors put a byte order mark before UTF-8; it is no part of the document.
            using var document = JsonDocument.Parse(utf8Json.Span.StartsWith("\uFEFF"u8) ? utf8Json[3..] : utf8Json, _strict);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("messages", out var messages))
                root = messages;
            return FromMessages(root, imageFolder, source);
        }
        catch (JsonException e)
        {
            throw new InvalidConversationException(utf8Json.IsEmpty ? $"{source}: empty. Write {{\"messages\":[{{\"role\":\"user\",\"content\":\"...\"}}]}}." : $"{source}: not JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            throw NotUnicode(source, e);
        }
    }

    /// <summary>Reads a list of messages that is part of a document already parsed, such as a row of a data set.</summary>
    /// <param name="messages">The list.</param>
    /// <param name="imageFolder">Where image paths start; null makes paths an error.</param>
    /// <param name="source">What errors call the document.</param>
    /// <exception cref="InvalidConversationException">The list is no conversation.</exception>
    /// <exception cref="ImageException">An image is missing or too large.</exception>
    public static Conversation FromMessages(JsonElement messages, string? imageFolder = null, string source = "conversation")
    {
        return FromMessages(messages, new MessageReader(imageFolder, source), source);
    }

    /// <summary>Reads a list of messages whose remote images somebody has fetched.</summary>
    /// <param name="messages">The list.</param>
    /// <param name="remoteImages">The image behind an http or https URL; null: there is none, and the URL an error.</param>
    /// <param name="source">What errors call the document.</param>
    /// <exception cref="InvalidConversationException">The list is no conversation.</exception>
    /// <exception cref="ImageException">An image is too large or no base64.</exception>
    internal static Conversation FromMessages(JsonElement messages, Func<string, ReadOnlyMemory<byte>?> remoteImages, string source) =>
        FromMessages(messages, new MessageReader(imageFolder: null, source, remoteImages), source);

    /// <summary>Reads a list of messages without its image files: data sets are counted and checked by their names.</summary>
    /// <param name="messages">The list.</param>
    /// <param name="imageFolder">Where image paths start.</param>
    /// <param name="named">Is told the path of each image; the image itself stays empty.</param>
    /// <param name="source">What errors call the document.</param>
    /// <exception cref="InvalidConversationException">The list is no conversation.</exception>
    internal static Conversation FromMessages(JsonElement messages, string imageFolder, Action<string> named, string source) =>
        FromMessages(messages, new MessageReader(imageFolder, source, remoteImages: null, named), source);

    /// <summary>Reads the content of one user message, a string or a list of parts, as a conversation of its own.</summary>
    /// <inheritdoc cref="FromMessages(JsonElement, Func{string, ReadOnlyMemory{byte}?}, string)"/>
    internal static Conversation FromContent(JsonElement content, Func<string, ReadOnlyMemory<byte>?> remoteImages, string source)
    {
        try
        {
            return new Conversation([new MessageReader(imageFolder: null, source, remoteImages).ReadUser(content)]);
        }
        catch (InvalidOperationException e)
        {
            throw NotUnicode(source, e);
        }
    }

    private static Conversation FromMessages(JsonElement messages, MessageReader reader, string source)
    {
        if (messages.ValueKind != JsonValueKind.Array)
            throw new InvalidConversationException($"{source}: {messages.ValueKind}, but a list of messages is needed, or an object whose messages is one.");
        if (messages.GetArrayLength() == 0)
            throw new InvalidConversationException($"{source}: the list of messages is empty. Send at least one user message.");
        try
        {
            return new Conversation([.. messages.EnumerateArray().Select((m, i) => reader.Read(m, i + 1))]);
        }
        catch (InvalidOperationException e)
        {
            throw NotUnicode(source, e);
        }
    }

    /// <summary>The parser looks into strings only when they are read: half a surrogate pair, or bytes that are not UTF-8.</summary>
    private static InvalidConversationException NotUnicode(string source, InvalidOperationException cause) =>
        new($"{source}: a string is not valid Unicode. Send UTF-8, surrogates in pairs.", cause);
}
