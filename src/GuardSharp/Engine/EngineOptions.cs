namespace GuardSharp.Engine;

/// <summary>Limits of an engine.</summary>
internal sealed record EngineOptions
{
    /// <summary>The model's name, as metrics call it; empty: they do not.</summary>
    public string Name { get; init; } = "";

    /// <summary>Rows of one forward pass; longer prompts run in pieces. 64 to 65,536.</summary>
    public int MaxBatchTokens { get; init; } = 1024;

    /// <summary>Prompts that may wait or be read at a time. At least 1.</summary>
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>Tokens of all prompts that may wait or be read at a time; null: any number. A prompt that is alone is let in whatever its size.</summary>
    public long? MaxQueuedTokens { get; init; }

    /// <summary>The longest wait that is worth a place; null: any. A prompt that would wait longer, by what others took, is refused at once.</summary>
    public TimeSpan? MaxQueueWait { get; init; }

    /// <summary>How long an engine that has nothing to do waits for more prompts after one came, so that they share a pass. Zero: it begins at once; what comes meanwhile waits together.</summary>
    public TimeSpan MaxBatchWait { get; init; }

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
