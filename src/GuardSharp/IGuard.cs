using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp;

/// <summary>Judges conversations.</summary>
/// <remarks>Safe from any thread.</remarks>
public interface IGuard : IAsyncDisposable
{
    /// <summary>What the model behind this guard can follow.</summary>
    GuardCapabilities Capabilities { get; }

    /// <summary>Judges the last message of a conversation against a policy.</summary>
    /// <param name="conversation">Turns, oldest first; the last is judged, the others are context.</param>
    /// <param name="options">What to judge against; null: the guard's defaults.</param>
    /// <param name="cancellationToken">Gives up the wait and the work: what was computed is freed before the next pass.</param>
    /// <returns>The verdict. An error is an exception, never "safe".</returns>
    /// <exception cref="InvalidConversationException">The conversation or the policy cannot be put to this model.</exception>
    /// <exception cref="ImageException">An image is damaged or beyond the limits.</exception>
    /// <exception cref="ContextOverflowException">The rendered prompt does not fit the context.</exception>
    /// <exception cref="QueueFullException">Too much work waits.</exception>
    Task<Verdict> ClassifyAsync(
        Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default);
}

/// <summary>What to judge a conversation against.</summary>
public sealed record ClassifyOptions
{
    /// <summary>The policy; null: the model's default.</summary>
    public Policy? Policy { get; init; }

    /// <summary>P(unsafe) from which on a verdict is unsafe, in [0, 1]; null: the model's own.</summary>
    public double? Threshold { get; init; }

    /// <summary>Thresholds of single categories, by code, in (0, 1]: they go before those of the policy. Null: the policy's alone.</summary>
    public IReadOnlyDictionary<string, double>? CategoryThresholds { get; init; }

    /// <summary>Stop after the first violated category: cheaper, and the verdict says so.</summary>
    public bool FirstCodeOnly { get; init; }

    /// <summary>Also measure how much of the model's probability its answer grammar covers (<see cref="Verdict.AnswerMass"/>).</summary>
    public bool Check { get; init; }
}

/// <summary>What a guard's model can follow. A request beyond it is an error that says so.</summary>
public sealed record GuardCapabilities
{
    /// <summary>The model's name, an at sign and the first 12 hexadecimal digits of its weights' SHA-256.</summary>
    public required string Model { get; init; }

    /// <summary>Codes of the hazard categories the model knows.</summary>
    public required IReadOnlyList<string> Codes { get; init; }

    /// <summary>Whether a policy may hold categories of its own.</summary>
    public required bool CustomCategories { get; init; }

    /// <summary>Whether the model reads the policy's list, so that leaving a category out changes the verdict. Otherwise it only leaves the code out of the answer.</summary>
    public required bool NarrowedPolicies { get; init; }

    /// <summary>Languages the model was trained on, as ISO 639-1 codes; empty: not said.</summary>
    public required IReadOnlyList<string> Languages { get; init; }

    /// <summary>Most images of a conversation; 0: text alone.</summary>
    public required int MaxImages { get; init; }

    /// <summary>Tokens a rendered prompt may have.</summary>
    public required int MaxContextTokens { get; init; }

    /// <summary>The wording of the prompt.</summary>
    public required PromptVariant PromptVariant { get; init; }

    /// <summary>The threshold used when a request names none.</summary>
    public required double Threshold { get; init; }
}
