using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Samples;

/// <summary>The Llama Guard 4 card's protocol for Llama Guard 3 Vision: of several images only the conversation's last one is put in.</summary>
internal static class LastImage
{
    // A turn that held nothing but a picture must still say something: an empty one is no turn.
    private static readonly TextPart _left = new("[image]");

    /// <summary>The conversation without all images but the last; the same one where there are no more.</summary>
    public static Conversation Of(Conversation conversation)
    {
        var images = conversation.Turns.Sum(turn => turn.Parts.Count(part => part is ImagePart));
        if (images <= 1)
        {
            return conversation;
        }

        var left = images - 1;
        return new Conversation([.. conversation.Turns.Select(turn =>
        {
            ContentPart[] parts = [.. turn.Parts.Where(part => part is not ImagePart || left-- <= 0)];
            return turn with { Parts = parts.Length == 0 ? [_left] : parts };
        })]);
    }
}
