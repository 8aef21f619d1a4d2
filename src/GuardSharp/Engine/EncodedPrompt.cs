namespace GuardSharp.Engine;

/// <summary>A prompt as the network takes it.</summary>
/// <param name="Prefix">Ids that many prompts begin with (the policy): their keys and values are kept. May be empty.</param>
/// <param name="Rest">The ids behind the prefix; at least one.</param>
/// <param name="Images">The images, in the order of their tokens in <paramref name="Rest"/>.</param>
internal sealed record EncodedPrompt(int[] Prefix, int[] Rest, IReadOnlyList<EncodedImage> Images)
{
    /// <summary>Number of tokens.</summary>
    public int Length => Prefix.Length + Rest.Length;
}

/// <summary>An image as the network takes it.</summary>
/// <param name="Pixels">[tiles, 3, P, P].</param>
/// <param name="GridRows">Tiles from top to bottom.</param>
/// <param name="GridColumns">Tiles from left to right.</param>
internal sealed record EncodedImage(float[] Pixels, int GridRows, int GridColumns);

/// <summary>What the engine has to know of the images' place in a prompt.</summary>
/// <param name="PatchToken">Id of the tokens that encoded patches stand for (model note L11), or that stand for an image read by cross-attention (M9); -1 when the model takes no images.</param>
/// <param name="TileSize">Side of a tile in pixels.</param>
internal sealed record TileTokens(int PatchToken, int TileSize)
{
    /// <summary>A model without images.</summary>
    public static TileTokens None { get; } = new(-1, 1);
}

/// <summary>Limits of an engine.</summary>
internal sealed record EngineOptions
{
    /// <summary>Rows of one forward pass; longer prompts run in pieces. 64 to 65,536.</summary>
    public int MaxBatchTokens { get; init; } = 1024;

    /// <summary>Jobs that may wait. At least 1.</summary>
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>Prefixes whose keys and values are kept. 0 switches the prefix cache off.</summary>
    public int CachedPrefixes { get; init; } = 8;

    /// <summary>Tiles encoded in one pass: bounds the memory of the vision encoder.</summary>
    public int MaxTilesPerPass { get; init; } = 4;
}
