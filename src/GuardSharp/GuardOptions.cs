using GuardSharp.Imaging;
using GuardSharp.Models;
using GuardSharp.Prompts;

namespace GuardSharp;

/// <summary>How a local model is loaded and what it accepts.</summary>
public sealed record GuardOptions
{
    /// <summary>Threads of the matrix kernels; 0: all cores the process may use.</summary>
    public int Threads { get; init; }

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

    /// <summary>Conversations and questions that may wait. At least 1.</summary>
    public int QueueCapacity { get; init; } = 4096;
}
