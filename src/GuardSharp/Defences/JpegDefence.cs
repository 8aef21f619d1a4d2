using GuardSharp.Conversations;
using GuardSharp.Imaging;

namespace GuardSharp.Defences;

/// <summary>Pictures once more through JPEG: what no eye sees is rounded away, and with it most small perturbations.</summary>
/// <remarks>G. K. Dziugaite, Z. Ghahramani, D. M. Roy, arXiv:1608.00853; its limits against attackers who know of it: A. Athalye and others, arXiv:1802.00420.</remarks>
internal sealed class JpegDefence(int quality) : IDefence
{
    public const string Key = "jpeg";

    public string Name { get; } = $"{Key}:{quality}";

    public IReadOnlyList<Conversation> Views(Conversation conversation) =>
        PictureDefence.View(conversation, (_, image) => ImageEncoder.Jpeg(image, quality));
}
