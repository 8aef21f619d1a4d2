using System.Buffers.Binary;
using System.Security.Cryptography;
using GuardSharp.Conversations;
using GuardSharp.Imaging;

namespace GuardSharp.Defences;

/// <summary>Pictures in several sizes drawn at random: a perturbation that is exact to the pixel does not fit any other grid.</summary>
/// <remarks>
/// C. Xie and others, arXiv:1711.01991. The sizes follow from the picture's own bytes and a seed, so that the same picture always gets the
/// same verdict; who knows the seed knows the sizes, so a product may choose one of its own.
/// </remarks>
internal sealed class ResizeJitterDefence(int votes, uint seed) : IDefence
{
    public const string Key = "resize-jitter";

    // Of each side: enough to move every sample, while typeset letters stay readable.
    private const double Smallest = 0.75;

    // Smaller pictures have no detail to lose.
    private const int LeastSide = 8;

    public string Name { get; } = seed == 0 ? $"{Key}:{votes}" : $"{Key}:{votes},{seed}";

    public IReadOnlyList<Conversation> Views(Conversation conversation) => [.. Enumerable.Range(0, votes).SelectMany(vote =>
        PictureDefence.View(conversation, (file, image) => Resize(image, Draw(file.Span, vote))))];

    private static byte[] Resize(RgbaImage image, (double Width, double Height) scale) =>
        ImageEncoder.Png(Resampler.Resize(image, Side(image.Width, scale.Width), Side(image.Height, scale.Height)));

    private static int Side(int side, double scale) => Math.Min(side, Math.Max(LeastSide, (int)Math.Round(side * scale)));

    private (double Width, double Height) Draw(ReadOnlySpan<byte> file, int vote)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(head, seed);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], vote);
        hash.AppendData(head);
        hash.AppendData(file);
        var bytes = hash.GetHashAndReset();
        return (Scale(bytes), Scale(bytes.AsSpan(4)));
    }

    private static double Scale(ReadOnlySpan<byte> bytes) =>
        Smallest + ((1 - Smallest) * BinaryPrimitives.ReadUInt32LittleEndian(bytes) / uint.MaxValue);
}
