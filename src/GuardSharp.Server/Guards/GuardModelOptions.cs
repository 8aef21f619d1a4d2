using GuardSharp.Remote;

namespace GuardSharp.Server.Guards;

/// <summary>A model in configuration, <c>GuardSharp:Models:{name}</c>.</summary>
internal sealed record GuardModelOptions
{
    /// <summary>The folder of the model, or of the text model of a pair; null: guardsharp-tiny beside the program.</summary>
    public string? Folder { get; init; }

    /// <summary>The folder of a LoRA adapter for <see cref="Folder"/> (docs/adapters.md); null: none.</summary>
    public string? Adapter { get; init; }

    /// <summary>The folder of the model that judges conversations with pictures, beside <see cref="Folder"/> for all others; null: one model judges all.</summary>
    public string? VisionFolder { get; init; }

    /// <summary>The server that hosts the model, in place of a folder (docs/scaling.md); null: it runs in this process.</summary>
    public RemoteGuardOptions? Remote { get; init; }

    /// <summary>Whether requests that name no model mean this one. One model at most; none: the first by name.</summary>
    public bool Default { get; init; }

    /// <summary>Threads of the matrix kernels; 0: all cores the process may use.</summary>
    public int Threads { get; init; }

    /// <summary>Tokens a rendered prompt may have; null: the model's limit, at most 8,192.</summary>
    public int? MaxContextTokens { get; init; }

    /// <summary>Conversations that may wait or be read at a time; null: the library's default.</summary>
    public int? QueueCapacity { get; init; }

    /// <summary>P(unsafe) from which on verdicts are unsafe where the request does not say, in [0, 1]; null: the model's own.</summary>
    public double? Threshold { get; init; }

    /// <summary>Thresholds of single categories, by code, in (0, 1], for policies that set none.</summary>
    public Dictionary<string, double>? CategoryThresholds { get; init; }

    /// <summary>Tokens of all conversations that may wait or be read at a time; null: any number.</summary>
    public long? MaxQueuedTokens { get; init; }

    /// <summary>Seconds that a conversation may have to wait; one that would wait longer is refused at once. Null: as long as a request may take.</summary>
    public double? MaxQueueWaitSeconds { get; init; }

    /// <summary>Rows of one forward pass; null: the library's default.</summary>
    public int? MaxBatchTokens { get; init; }

    /// <summary>Milliseconds that an idle guard waits for more conversations to share a pass with the first.</summary>
    public int MaxBatchWaitMilliseconds { get; init; }

    /// <summary>The policy, by its name in configuration, of requests that name none; null: the model's default.</summary>
    public string? Policy { get; init; }

    /// <summary>Bytes of conversations' keys and values that are kept for the next turn; null: the library's default; 0: none.</summary>
    public long? ConversationCacheBytes { get; init; }

    /// <summary>Bytes of encoded pictures that are kept; null: the library's default; 0: none.</summary>
    public long? ImageCacheBytes { get; init; }

    /// <summary>Defences that the model stands behind, such as <c>normalise</c> (docs/attacks.md); null: none.</summary>
    public IReadOnlyList<string>? Defences { get; init; }

    /// <summary>How the library loads it.</summary>
    /// <param name="requestTimeoutSeconds">How long a request may take.</param>
    public GuardOptions ToGuardOptions(double requestTimeoutSeconds)
    {
        var defaults = new GuardOptions();
        return defaults with
        {
            Adapter = Adapter,
            Threads = Threads,
            MaxContextTokens = MaxContextTokens,
            QueueCapacity = QueueCapacity ?? defaults.QueueCapacity,
            MaxQueuedTokens = MaxQueuedTokens,
            MaxQueueWaitSeconds = MaxQueueWaitSeconds ?? requestTimeoutSeconds,
            MaxBatchTokens = MaxBatchTokens ?? defaults.MaxBatchTokens,
            MaxBatchWaitMilliseconds = MaxBatchWaitMilliseconds,
            Threshold = Threshold,
            CategoryThresholds = CategoryThresholds,
            ConversationCacheBytes = ConversationCacheBytes,
            ImageCacheBytes = ImageCacheBytes,
        };
    }
}
