using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>What defences that take the judged message apart share.</summary>
internal static class LastMessage
{
    /// <summary>The text of the last message, its parts one below the other.</summary>
    public static string TextOf(Conversation conversation) =>
        conversation.Turns.Count == 0 ? "" : string.Join('\n', conversation.Turns[^1].Parts.OfType<TextPart>().Select(part => part.Text));

    /// <summary>The conversation with another text in its last message; its pictures stay where they are, before the text.</summary>
    public static Conversation With(Conversation conversation, string text)
    {
        var last = conversation.Turns[^1];
        return new Conversation([.. conversation.Turns.SkipLast(1), last with { Parts = [.. last.Parts.Where(part => part is not TextPart), new TextPart(text)] }]);
    }

    /// <summary>The last message, and where it is the assistant's, the user's message that it answers. The same instance where there is nothing before.</summary>
    public static Conversation Alone(Conversation conversation)
    {
        var first = conversation.Turns.Count - 1;
        if (first > 0 && conversation.Turns[first].Role == Role.Assistant && conversation.Turns[first - 1].Role == Role.User)
        {
            first--;
        }

        return first <= 0 ? conversation : new Conversation([.. conversation.Turns.Skip(first)]);
    }
}
