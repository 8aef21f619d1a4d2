using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>An attack that writes the last message's text in another way. It applies to conversations without pictures.</summary>
/// <param name="Name">As the command line names it.</param>
/// <param name="Description">What it does.</param>
/// <param name="Change">A text and a source of chance to another text.</param>
internal sealed record TextAttack(string Name, string Description, Func<string, Random, string> Change) : IBlackBoxAttack
{
    public Conversation? Apply(Conversation conversation, int seed)
    {
        if (TextOf(conversation) is not { } text)
        {
            return null;
        }

        var changed = Change(text, new Random(seed));
        return changed == text ? null : WithLast(conversation, [new TextPart(changed)]);
    }

    /// <summary>The text of the last message; null where it has none, or where the conversation holds a picture: then the text is not what is harmful.</summary>
    public static string? TextOf(Conversation conversation)
    {
        if (conversation.Turns.Any(turn => turn.Parts.Any(part => part is ImagePart)))
        {
            return null;
        }

        var text = string.Join('\n', conversation.Turns[^1].Parts.OfType<TextPart>().Select(part => part.Text));
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }

    /// <summary>The conversation with other parts in its last message.</summary>
    public static Conversation WithLast(Conversation conversation, IReadOnlyList<ContentPart> parts) =>
        new([.. conversation.Turns.SkipLast(1), conversation.Turns[^1] with { Parts = parts }]);
}
