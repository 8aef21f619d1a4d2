namespace GuardSharp.Engine;

/// <summary>Limits of an engine.</summary>
internal sealed record EngineOptions
{
    /// <summary>Rows of one forward pass; longer prompts run in pieces. 64 to 65,536.</summary>
    public int MaxBatchTokens { get; init; } = 1024;

    /// <summary>Prompts that may wait or be read at a time. At least 1.</summary>
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>Prefixes (policies) whose keys and values are kept, beside those in use. 0 switches the prefix cache off.</summary>
    public int CachedPrefixes { get; init; } = 8;

    /// <summary>Bytes of keys and values of conversations that are kept for their next turn. 0: none.</summary>
    public long ConversationCacheBytes { get; init; }

    /// <summary>Bytes of encoded pictures that are kept for the next prompt with them. 0: none.</summary>
    public long ImageCacheBytes { get; init; }

    /// <summary>How long conversations and pictures are kept after their last use.</summary>
    public TimeSpan CacheIdleTime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Tiles encoded in one pass: bounds the memory of the vision encoder, and how long a picture keeps others waiting.</summary>
    public int MaxTilesPerPass { get; init; } = 4;
}
