using GuardSharp.Imaging;
using GuardSharp.Models;
using GuardSharp.Prompts;
using GuardSharp.Tensors;

namespace GuardSharp;

/// <summary>How a local model is loaded and what it accepts.</summary>
public sealed record GuardOptions
{
    /// <summary>Threads of the matrix kernels; 0: all cores the process may use.</summary>
    public int Threads { get; init; }

    /// <summary>The folder of a LoRA adapter (PEFT's form, docs/adapters.md) that is added to the model's weights; null: none. The name in verdicts then holds both names, and the hash is over both.</summary>
    public string? Adapter { get; init; }

    /// <summary>Tokens a rendered prompt may have; null: the model's limit, at most 8,192.</summary>
    public int? MaxContextTokens { get; init; }

    /// <summary>Most images of a conversation; null: the model's own limit.</summary>
    public int? MaxImages { get; init; }

    /// <summary>The wording of the prompt; null: what the model's folder says.</summary>
    public PromptVariant? PromptVariant { get; init; }

    /// <summary>What the text before a picture does in Llama Guard 3 Vision; other models do not know the question.</summary>
    public MaskedRows MaskedRows { get; init; } = MaskedRows.HuggingFace;

    /// <summary>How conversations become prompts.</summary>
    public PromptOptions Prompt { get; init; } = new();

    /// <summary>Limits of an image, checked before it is decoded.</summary>
    public ImageLimits Images { get; init; } = new();

    /// <summary>How keys and values of policies, conversations and pictures are kept on the CPU backend. Null: in single precision where a whole context of <see cref="MaxContextTokens"/> takes at most 1 GiB so, in half precision otherwise (from Llama Guard 3 8B on).</summary>
    /// <remarks>What each costs in memory and moves in verdicts: docs/models.md, "Keys and values".</remarks>
    public KeyValueType? KeyValues { get; init; }

    /// <summary>Conversations that may wait or be read at a time; one more is a <see cref="QueueFullException"/>. At least 1.</summary>
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>Tokens of all conversations that may wait or be read at a time, a tile of a picture counting as 64 beside its own; more is a <see cref="QueueFullException"/>. Null: any number. At least 1; a conversation that is alone is let in whatever its size.</summary>
    public long? MaxQueuedTokens { get; init; }

    /// <summary>Seconds that a conversation may have to wait by what others took; one that would wait longer is a <see cref="QueueFullException"/> at once. Null: any time. Above 0.</summary>
    public double? MaxQueueWaitSeconds { get; init; }

    /// <summary>Rows of one forward pass, 64 to 65,536. More of them make better use of memory's bandwidth, fewer let short conversations go before long ones sooner.</summary>
    public int MaxBatchTokens { get; init; } = 1024;

    /// <summary>Milliseconds that an idle guard waits for more conversations after one came, so that they share a pass; 0 to 1,000. 0: it begins at once, and what comes meanwhile shares the next pass.</summary>
    public int MaxBatchWaitMilliseconds { get; init; }

    /// <summary>P(unsafe) from which on a verdict is unsafe where the request does not say, in [0, 1]; null: the model's own.</summary>
    public double? Threshold { get; init; }

    /// <summary>Thresholds of single categories, by code, in (0, 1], for policies that set none for them; codes that a policy does not hold are left out. Null: none.</summary>
    public IReadOnlyDictionary<string, double>? CategoryThresholds { get; init; }

    /// <summary>Bytes of conversations' keys and values that are kept, so that the next turn, or more of a growing response, computes only what is new. Null: a quarter of the model's weights, at most 256 MiB. 0: nothing of a conversation outlives its verdict.</summary>
    /// <remarks>
    /// They are numbers from which much of the text could be recovered; they stay in this process's memory and are never written anywhere. A
    /// verdict of a conversation that begins as another did comes sooner: whoever can measure that learns of it. Set 0 where callers who
    /// must not learn of each other share a guard. Keys and values of policies are kept in any case.
    /// </remarks>
    public long? ConversationCacheBytes { get; init; }

    /// <summary>Bytes of encoded pictures that are kept, found by the content of their pixels. Null: a quarter of the model's weights, at most 512 MiB. 0: none outlives its verdict. The remarks on <see cref="ConversationCacheBytes"/> hold here too.</summary>
    public long? ImageCacheBytes { get; init; }

    /// <summary>Seconds after their last use for which conversations and pictures are kept at most. At least 1.</summary>
    public int CacheIdleSeconds { get; init; } = 600;
}
