using GuardSharp.Conversations;
using GuardSharp.Imaging;

namespace GuardSharp.Defences;

/// <summary>What defences of pictures share: every picture of a conversation made anew, text as it is.</summary>
internal static class PictureDefence
{
    /// <summary>The conversation with each of its pictures changed; none where it has no picture.</summary>
    /// <param name="conversation">What is judged.</param>
    /// <param name="change">Takes a file and its decoded picture, gives another file.</param>
    public static IReadOnlyList<Conversation> View(Conversation conversation, Func<ReadOnlyMemory<byte>, RgbaImage, byte[]> change)
    {
        if (!conversation.Turns.Any(turn => turn.Parts.Any(part => part is ImagePart)))
        {
            return [];
        }

        return [new Conversation([.. conversation.Turns.Select(turn => turn with { Parts = [.. turn.Parts.Select(part => Change(part, change))] })])];
    }

    private static ContentPart Change(ContentPart part, Func<ReadOnlyMemory<byte>, RgbaImage, byte[]> change) =>
        part is ImagePart image ? new ImagePart(change(image.Data, ImageDecoder.Decode(image.Data.Span, new ImageLimits()))) : part;
}
