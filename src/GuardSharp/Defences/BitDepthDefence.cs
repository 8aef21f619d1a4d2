using GuardSharp.Conversations;
using GuardSharp.Imaging;

namespace GuardSharp.Defences;

/// <summary>Pictures with fewer bits a channel: a change smaller than half a step mostly disappears.</summary>
/// <remarks>Feature squeezing: W. Xu, D. Evans, Y. Qi, arXiv:1704.01155.</remarks>
internal sealed class BitDepthDefence : IDefence
{
    public const string Key = "bits";

    private readonly byte[] _levels;

    public BitDepthDefence(int bits)
    {
        Name = $"{Key}:{bits}";
        var steps = (1 << bits) - 1;
        _levels = [.. Enumerable.Range(0, 256).Select(value => (byte)Math.Round(Math.Round(value * steps / 255.0) * 255 / steps))];
    }

    public string Name { get; }

    public IReadOnlyList<Conversation> Views(Conversation conversation) => PictureDefence.View(conversation, (_, image) =>
        ImageEncoder.Png(image with { Pixels = Array.ConvertAll(image.Pixels, value => _levels[value]) }));
}
