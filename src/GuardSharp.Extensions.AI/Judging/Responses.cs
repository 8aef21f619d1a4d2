using GuardSharp.Extensions.AI.Streaming;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Judging;

/// <summary>Makes the responses that leave: refusals, and answers with their verdict. What the inner client made is copied, never changed: it may be in a cache.</summary>
internal static class Responses
{
    /// <summary>The refusal in place of a response.</summary>
    public static ChatResponse Refused(BlockedChat block, string text, ChatResponse? response) =>
        new(new ChatMessage(ChatRole.Assistant, text) { MessageId = NewId(), AdditionalProperties = Properties(block) })
        {
            AdditionalProperties = Properties(block),
            ConversationId = response?.ConversationId,
            CreatedAt = response?.CreatedAt,
            FinishReason = ChatFinishReason.ContentFilter,
            ModelId = response?.ModelId,
            ResponseId = response?.ResponseId,
            Usage = response?.Usage,
        };

    /// <summary>The refusal that ends a stream: a message of its own, if any of another was released.</summary>
    /// <param name="block">Why.</param>
    /// <param name="text">The refusal.</param>
    /// <param name="last">What was released last; null: nothing was.</param>
    /// <param name="spoken">Whether that was content, and no mere beginning.</param>
    public static ChatResponseUpdate RefusedUpdate(BlockedChat block, string text, ChatResponseUpdate? last, bool spoken) => new(ChatRole.Assistant, spoken ? "\n\n" + text : text)
    {
        AdditionalProperties = Properties(block),
        ConversationId = last?.ConversationId,
        CreatedAt = last?.CreatedAt,
        FinishReason = ChatFinishReason.ContentFilter,
        MessageId = spoken ? NewId() : last?.MessageId ?? NewId(),
        ModelId = last?.ModelId,
        ResponseId = last?.ResponseId,
    };

    /// <summary>A response with its verdict.</summary>
    /// <param name="response">The response.</param>
    /// <param name="judged">What was judged of it.</param>
    /// <param name="withholding">Knows what must be left out; null: nothing must.</param>
    public static ChatResponse Judged(ChatResponse response, Judged judged, ContentReader? withholding) => new(withholding is not null ? Judgeable(response.Messages, withholding) : [.. response.Messages])
    {
        AdditionalProperties = Properties(response.AdditionalProperties, judged),
        ContinuationToken = response.ContinuationToken,
        ConversationId = response.ConversationId,
        CreatedAt = response.CreatedAt,
        FinishReason = response.FinishReason,
        ModelId = response.ModelId,
        RawRepresentation = withholding is not null ? null : response.RawRepresentation,
        ResponseId = response.ResponseId,
        Usage = response.Usage,
    };

    /// <summary>An update with a verdict.</summary>
    public static ChatResponseUpdate Judged(ChatResponseUpdate update, Judged judged)
    {
        var copy = update.Clone();
        copy.AdditionalProperties = Properties(update.AdditionalProperties, judged);
        return copy;
    }

    /// <summary>The last update of a stream with its verdict; where the last of the answer left before, an update without content.</summary>
    public static ChatResponseUpdate Judged(ChatResponseUpdate? update, ChatResponseUpdate? last, GuardedStream stream, Judged input)
    {
        update ??= new ChatResponseUpdate { Role = last?.Role, MessageId = last?.MessageId, ResponseId = last?.ResponseId, ConversationId = last?.ConversationId };
        var judged = stream.Latest.Verdict is null ? input : stream.Latest;
        return Judged(update, judged with { FailedOpen = stream.FailedOpen || input.FailedOpen });
    }

    // Without what the guard did not see: reasoning that is withheld, and what annotations quote.
    private static List<ChatMessage> Judgeable(IEnumerable<ChatMessage> messages, ContentReader reader) =>
    [
        .. messages.Select(message =>
        {
            var copy = message.Clone();
            copy.Contents =
            [
                .. message.Contents.Where(content => !reader.Withholds(content)).Select(content =>
                    content is TextContent { Annotations.Count: > 0 } text ? new TextContent(text.Text) : content),
            ];
            copy.RawRepresentation = null;
            return copy;
        }),
    ];

    private static AdditionalPropertiesDictionary Properties(BlockedChat block)
    {
        var properties = new AdditionalPropertiesDictionary
        {
            [GuardProperties.Blocked] = GuardProperties.NameOf(block.Reason),
            [GuardProperties.Stage] = GuardProperties.NameOf(block.Stage),
        };
        if (block.Verdict is { } verdict)
            properties[GuardProperties.Verdict] = verdict;
        return properties;
    }

    private static AdditionalPropertiesDictionary? Properties(AdditionalPropertiesDictionary? own, Judged judged)
    {
        // Only a guard says these things: an inner client, a cache or a model's server does not.
        var properties = own?.Clone() ?? [];
        foreach (var key in (string[])[GuardProperties.Blocked, GuardProperties.Stage, GuardProperties.FailedOpen, GuardProperties.Verdict])
            properties.Remove(key);
        if (judged.Verdict is { } verdict)
            properties[GuardProperties.Verdict] = verdict;
        if (judged.FailedOpen)
            properties[GuardProperties.FailedOpen] = true;
        return properties.Count > 0 ? properties : null;
    }

    private static string NewId() => $"guard-{Guid.NewGuid():n}";
}
