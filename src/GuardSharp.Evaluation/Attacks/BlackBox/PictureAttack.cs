using GuardSharp.Conversations;
using GuardSharp.Imaging;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>An attack that writes every picture of a conversation in another way.</summary>
/// <param name="Name">As the command line names it.</param>
/// <param name="Description">What it does.</param>
/// <param name="Change">A picture to the file of another.</param>
internal sealed record PictureAttack(string Name, string Description, Func<RgbaImage, byte[]> Change) : IBlackBoxAttack
{
    /// <summary>Every second row and column.</summary>
    public static byte[] Halve(RgbaImage image) =>
        ImageEncoder.Png(Resampler.Resize(image, Math.Max(1, image.Width / 2), Math.Max(1, image.Height / 2)));

    public Conversation? Apply(Conversation conversation, int seed) => conversation.Turns.Any(turn => turn.Parts.Any(part => part is ImagePart))
        ? new Conversation([.. conversation.Turns.Select(turn => turn with { Parts = [.. turn.Parts.Select(Write)] })])
        : null;

    private ContentPart Write(ContentPart part) =>
        part is ImagePart image ? new ImagePart(Change(ImageDecoder.Decode(image.Data.Span, new ImageLimits()))) : part;
}
