using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace GuardSharp.Engine;

/// <summary>A prompt as the network takes it.</summary>
/// <param name="Prefix">Ids that many prompts begin with (the policy): their keys and values are kept. May be empty.</param>
/// <param name="Rest">The ids behind the prefix; at least one.</param>
/// <param name="Images">The images, in the order of their tokens.</param>
internal sealed record EncodedPrompt(int[] Prefix, int[] Rest, IReadOnlyList<EncodedImage> Images)
{
    /// <summary>Number of tokens.</summary>
    public int Length => Prefix.Length + Rest.Length;

    /// <summary>How many of the first tokens, prefix counted, the conversation's next turn may begin with: worth keeping. The instructions behind the conversation are not.</summary>
    public int Reusable { get; init; } = int.MaxValue;

    /// <summary>All ids, prefix first.</summary>
    public int[] AllIds() => [.. Prefix, .. Rest];
}

/// <summary>An image as the network takes it.</summary>
/// <param name="Pixels">[tiles, 3, P, P].</param>
/// <param name="GridRows">Tiles from top to bottom.</param>
/// <param name="GridColumns">Tiles from left to right.</param>
internal sealed record EncodedImage(float[] Pixels, int GridRows, int GridColumns)
{
    private string? _digest;

    /// <summary>SHA-256 of grid and pixels: equal for equal pictures alone. Computed on first use, 23 MB in about 20 ms.</summary>
    public string Digest => _digest ??= Hash();

    private string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<int>([GridRows, GridColumns]));
        hash.AppendData(MemoryMarshal.AsBytes<float>(Pixels));
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}

/// <summary>What the engine has to know of the images' place in a prompt.</summary>
/// <param name="PatchToken">Id of the tokens that encoded patches stand for (model note L11), or that stand for an image read by cross-attention (M9); -1 when the model takes no images.</param>
/// <param name="TileSize">Side of a tile in pixels.</param>
internal sealed record TileTokens(int PatchToken, int TileSize)
{
    /// <summary>A model without images.</summary>
    public static TileTokens None { get; } = new(-1, 1);

    /// <summary>Numbers of a tile's pixels.</summary>
    public int TileLength => 3 * TileSize * TileSize;
}
