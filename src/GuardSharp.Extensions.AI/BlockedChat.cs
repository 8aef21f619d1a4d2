using GuardSharp.Policies;

namespace GuardSharp.Extensions.AI;

/// <summary>Which side of the chat was judged.</summary>
public enum GuardStage
{
    /// <summary>What goes to the model.</summary>
    Input,

    /// <summary>What the model answers.</summary>
    Output,
}

/// <summary>Why something was blocked.</summary>
public enum BlockReason
{
    /// <summary>The verdict is unsafe.</summary>
    Unsafe,

    /// <summary>The guard failed: nobody knows.</summary>
    GuardError,

    /// <summary>The guard did not answer in time: nobody knows.</summary>
    GuardTimeout,

    /// <summary>Content that the guard cannot judge: a kind that the options do not allow, a damaged picture, more than its context holds.</summary>
    ContentNotAllowed,

    /// <summary>The answer is longer than <see cref="GuardedChatOptions.MaxOutputCharacters"/>.</summary>
    OutputTooLong,
}

/// <summary>What is known about something that was blocked.</summary>
/// <param name="Stage">Input or output.</param>
/// <param name="Reason">Why.</param>
/// <param name="Verdict">The verdict; null where there is none.</param>
public sealed record BlockedChat(GuardStage Stage, BlockReason Reason, Verdict? Verdict)
{
    /// <summary>What failed, for logs; null where nothing did.</summary>
    internal Exception? Error { get; init; }
}
