using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Prompts;

/// <summary>Reads the turns of a conversation: checks their order, trims their texts and writes tool calls out.</summary>
internal static class TurnReader
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The turns that enter the prompt.</summary>
    /// <exception cref="InvalidConversationException">See the messages: each says what was seen, what is allowed, the remedy.</exception>
    public static PromptTurns Read(Conversation conversation, PromptOptions options)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        if (conversation.Turns is not { Count: > 0 } turns)
            throw new InvalidConversationException("The conversation is empty. Send at least one user turn.");
        var images = new List<ImagePart>();
        var kept = new List<PromptTurn>();
        for (var i = 0; i < turns.Count; i++)
        {
            if (ReadTurn(turns[i], i + 1, images, options) is { } turn)
                kept.Add(turn);
        }

        CheckEnd(turns[^1], turns.Count, kept);
        CheckOrder(kept);
        return new PromptTurns(kept, images, []);
    }

    private static PromptTurn? ReadTurn(Turn turn, int number, List<ImagePart> images, PromptOptions options)
    {
        if (turn.Role == Role.System && !options.IncludeSystem)
            return null;
        if (turn.Role == Role.Tool && options.ToolTurns != ToolTurns.Include)
            return options.ToolTurns == ToolTurns.Omit ? null : throw ToolRefused(number);
        var texts = new List<string>();
        var imageIndices = new List<int>();
        var omitted = false;
        foreach (var part in turn.Parts)
        {
            switch (part)
            {
                case TextPart text when PythonTrim(text.Text) is { Length: > 0 } trimmed:
                    texts.Add(trimmed);
                    break;
                case ImagePart image:
                    imageIndices.Add(images.Count);
                    images.Add(image);
                    break;
                case ToolCallPart when turn.Role != Role.Assistant:
                    throw new InvalidConversationException(
                        $"Turn {number} ({turn.Role}) holds a tool call. Only assistant turns call tools: move it there.");
                case ToolCallPart when options.ToolTurns == ToolTurns.Refuse:
                    throw ToolRefused(number);
                case ToolCallPart when options.ToolTurns == ToolTurns.Omit:
                    omitted = true;
                    break;
                case ToolCallPart call:
                    texts.Add(WriteCall(call));
                    break;
                case TextPart:
                    // Nothing but blanks.
                    break;
                default:
                    throw new InvalidConversationException(
                        $"Turn {number} ({turn.Role}) holds a part of the unknown kind {part?.GetType().Name ?? "null"}. Texts, images and tool calls can be judged: leave it out or write it as one.");
            }
        }

        if (texts.Count == 0 && imageIndices.Count == 0)
            return omitted ? null : throw EmptyTurn(turn.Role, number);
        return new PromptTurn(number, turn.Role, texts, imageIndices);
    }

    private static void CheckEnd(Turn last, int count, List<PromptTurn> kept)
    {
        if (kept.Count > 0 && kept[^1].Number == count && last.Role != Role.System)
            return;
        throw new InvalidConversationException(
            $"Turn {count}, the last one, has the role {last.Role} and is not judged. End with the user or assistant turn to judge"
            + (last.Role == Role.System ? "; system turns stand before it." : ", or set ToolTurns to Include."));
    }

    private static void CheckOrder(List<PromptTurn> turns)
    {
        PromptTurn? before = null;
        foreach (var turn in turns.Where(t => t.Role != Role.System))
        {
            if (before is null && turn.Role != Role.User)
            {
                throw new InvalidConversationException(
                    $"Turn {turn.Number} is the first and its role is {turn.Role}. A conversation starts with a user turn: send the message that led to it.");
            }

            // Several results may answer one call, and a user may speak after a result: the user's side stays the user's side.
            var tool = turn.Role == Role.Tool || before?.Role == Role.Tool;
            if (before is not null && before.IsAgent == turn.IsAgent && !tool)
            {
                throw new InvalidConversationException(
                    $"Turns {before.Number} and {turn.Number} are both {turn.Role} turns. User and assistant alternate: join them into one turn.");
            }

            before = turn;
        }
    }

    /// <summary>Removes what the template's trim removes: Python's whitespace, which counts U+001C to U+001F as well.</summary>
    private static string PythonTrim(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsBlank(text[start]))
            start++;
        while (end > start && IsBlank(text[end - 1]))
            end--;
        return text[start..end];
    }

    private static bool IsBlank(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    /// <summary>A tool call as one line of JSON: <c>{"name":"search","arguments":{"q":"x"}}</c>.</summary>
    private static string WriteCall(ToolCallPart call)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, _readable))
        {
            writer.WriteStartObject();
            writer.WriteString("name", call.Name);
            writer.WritePropertyName("arguments");
            // A model may call a tool with damaged JSON; what it wrote is judged all the same, as a string.
            if (Compact(call.Arguments) is { } json)
                writer.WriteRawValue(json);
            else
                writer.WriteStringValue(call.Arguments);

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    /// <summary>Arguments without the blanks between their tokens; null where they are no JSON, or hold half of a surrogate pair.</summary>
    private static byte[]? Compact(string arguments)
    {
        try
        {
            using var buffer = new MemoryStream();
            using (var document = JsonDocument.Parse(arguments))
            using (var writer = new Utf8JsonWriter(buffer, _readable))
                document.WriteTo(writer);
            return buffer.ToArray();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            // InvalidOperationException: an escape of half a pair; ArgumentException: half a pair in the text itself.
            return null;
        }
    }

    private static InvalidConversationException EmptyTurn(Role role, int number) => new(
        $"Turn {number} ({role}) is empty: no text but blanks, no image, no tool call. Leave it out or send its content.");

    private static InvalidConversationException ToolRefused(int number) => new(
        $"Turn {number} holds a tool call or result, and ToolTurns is Refuse. Set it to Include or Omit, or send the conversation without tools.");
}
