using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>What defences of text share: the text parts of all messages changed, everything else as it is.</summary>
internal static class TextDefence
{
    /// <summary>The conversation with its texts changed; none where that changes nothing.</summary>
    /// <param name="conversation">What is judged.</param>
    /// <param name="change">Gives the same instance back where it changes nothing.</param>
    public static IReadOnlyList<Conversation> View(Conversation conversation, Func<string, string> change)
    {
        var isChanged = false;
        ContentPart Change(ContentPart part)
        {
            if (part is not TextPart text)
            {
                return part;
            }

            var other = change(text.Text);
            var isSame = ReferenceEquals(other, text.Text);
            isChanged |= !isSame;
            return isSame ? part : new TextPart(other);
        }

        Turn[] turns = [.. conversation.Turns.Select(turn => turn with { Parts = [.. turn.Parts.Select(Change)] })];
        return isChanged ? [new Conversation(turns)] : [];
    }
}
