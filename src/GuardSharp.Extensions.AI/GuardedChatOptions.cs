using GuardSharp.Policies;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI;

/// <summary>Which side of a chat is judged.</summary>
[Flags]
public enum GuardFilters
{
    /// <summary>Neither: everything passes.</summary>
    None = 0,

    /// <summary>What goes to the model.</summary>
    Input = 1,

    /// <summary>What the model answers.</summary>
    Output = 2,

    /// <summary>Both.</summary>
    Both = Input | Output,
}

/// <summary>What becomes of a model's reasoning (<see cref="TextReasoningContent"/>) in an answer.</summary>
public enum ReasoningTreatment
{
    /// <summary>It is judged as the answer's text is, and released with it.</summary>
    Judge,

    /// <summary>It is left out of what is released, and so not judged.</summary>
    Withhold,
}

/// <summary>What a <see cref="GuardedChatClient"/> judges, and what it does about it.</summary>
/// <remarks>Immutable; one may serve many clients. docs/chat.md tells what is judged when.</remarks>
public sealed record GuardedChatOptions
{
    /// <summary>Input, output or both (default).</summary>
    public GuardFilters Filters { get; init; } = GuardFilters.Both;

    /// <summary>The policy; null: the guard's default.</summary>
    public Policy? Policy { get; init; }

    /// <summary>P(unsafe) from which on input is blocked, in [0, 1]; null: the guard's own.</summary>
    public double? InputThreshold { get; init; }

    /// <summary>P(unsafe) from which on output is blocked, in [0, 1]; null: the guard's own.</summary>
    public double? OutputThreshold { get; init; }

    /// <summary>What the user reads in place of what was blocked.</summary>
    public string Refusal { get; init; } = "I can't help with that.";

    /// <summary>Makes the refusal of what is known about the block; null: <see cref="Refusal"/>.</summary>
    public Func<BlockedChat, string>? RefusalFor { get; init; }

    /// <summary>The inner model starts while the input is still being judged; nothing is released before that verdict. An unsafe prompt then reaches the model, so not with tools that act behind this client.</summary>
    public bool RaceInput { get; init; }

    /// <summary>How much text of a streamed answer is held between two judgements.</summary>
    public StreamWindow Window { get; init; } = new();

    /// <summary>P(unsafe) of an answer's beginning from which on the stream is ended at once, in [0, 1]. Null (default): an unsafe beginning is held back, and the verdict on the whole answer decides, as without streaming.</summary>
    public double? StopProbability { get; init; }

    /// <summary>How long one verdict may take. Over it the chat is blocked, unless <see cref="FailOpen"/>. Above zero.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where the guard fails or is late, what should have been judged passes unjudged. Each time is counted and shows in <see cref="GuardProperties.FailedOpen"/>. What it cannot judge because of the content itself (damaged pictures, more than its context) is blocked all the same. Off by default: then everything is.</summary>
    public bool FailOpen { get; init; }

    /// <summary>Where the guard fails or is late, its exception is thrown in place of a refusal. Not together with <see cref="FailOpen"/>.</summary>
    public bool ThrowOnGuardError { get; init; }

    /// <summary>Turns that the guard is given at most, the judged one included; null: all. A chat that outgrows the guard's context is blocked, so long chats need a limit. At least 2.</summary>
    public int? ContextTurns { get; init; }

    /// <summary>Whether results of tools are judged and are context of what follows. Off, they pass unseen.</summary>
    public bool IncludeToolResults { get; init; } = true;

    /// <summary>Whether system messages, <see cref="ChatOptions.Instructions"/>, declarations of tools, the form of the answer and stop sequences are judged as the user's words. Off: they are the operator's. Switch it on where users can write them.</summary>
    public bool JudgeSystemMessages { get; init; }

    /// <summary>Whether content that is only an address (<see cref="UriContent"/>) passes: nobody can judge what the model will fetch there.</summary>
    public bool AllowUriContent { get; init; }

    /// <summary>Says of content that cannot be judged (audio, files, results of hosted tools) that it may pass all the same; null: none may.</summary>
    public Func<AIContent, bool>? AllowUnjudged { get; init; }

    /// <summary>What becomes of reasoning in an answer.</summary>
    public ReasoningTreatment Reasoning { get; init; } = ReasoningTreatment.Judge;

    /// <summary>Characters of an answer that are held and judged at most; a longer one is blocked. At least 1.</summary>
    public int MaxOutputCharacters { get; init; } = 100_000;

    /// <summary>The clock of <see cref="Timeout"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Refuses values outside their ranges.</summary>
    internal void Validate()
    {
        CheckProbability(InputThreshold, nameof(InputThreshold));
        CheckProbability(OutputThreshold, nameof(OutputThreshold));
        CheckProbability(StopProbability, nameof(StopProbability));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Timeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxOutputCharacters, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ContextTurns ?? 2, 2, nameof(ContextTurns));
        ArgumentNullException.ThrowIfNull(Refusal);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        Window.Validate();
        if (FailOpen && ThrowOnGuardError)
            throw new ArgumentException("FailOpen and ThrowOnGuardError contradict each other. Set one of them, or neither: then a guard that fails blocks.");
    }

    // NaN is no threshold that a probability could reach.
    private static void CheckProbability(double? value, string name)
    {
        if (value is { } number && number is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(name, number, $"{name} must be a number from 0 to 1, or null.");
    }
}
