namespace GuardSharp;

/// <summary>Anything GuardSharp could not do. The message says what was seen, what is allowed and what to do. Never means "safe".</summary>
public class GuardException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was seen, what is allowed, the remedy. Holds no user text.</param>
    /// <param name="innerException">The cause, if another error led here.</param>
    public GuardException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}

/// <summary>A model folder that cannot be used: a missing, damaged or contradicting file.</summary>
public sealed class CheckpointException(string message, Exception? innerException = null) : GuardException(message, innerException);

/// <summary>A model that could not be downloaded: gated, absent, unreachable, damaged on the way, or no room for it.</summary>
public sealed class HubException(string message, Exception? innerException = null) : GuardException(message, innerException);

/// <summary>An image that cannot be judged: damaged, of an unknown kind, or beyond the limits.</summary>
public sealed class ImageException(string message, Exception? innerException = null) : GuardException(message, innerException);

/// <summary>A conversation or policy that the model's prompt cannot express.</summary>
public sealed class InvalidConversationException(string message, Exception? innerException = null) : GuardException(message, innerException);

/// <summary>The rendered prompt does not fit the model's context.</summary>
/// <param name="needed">Tokens of the rendered prompt; where it is far too long, how many it has at least.</param>
/// <param name="allowed">Tokens the context holds.</param>
public sealed class ContextOverflowException(int needed, int allowed) : GuardException(
    $"The conversation needs {needed} tokens but the context holds {allowed}. Send fewer turns, fewer or smaller images, or raise MaxContextTokens.")
{
    /// <summary>Tokens of the rendered prompt.</summary>
    public int NeededTokens { get; } = needed;

    /// <summary>Tokens the context holds.</summary>
    public int AllowedTokens { get; } = allowed;
}

/// <summary>The guard has more work waiting than it accepts. Try again later.</summary>
public sealed class QueueFullException : GuardException
{
    /// <summary>Too many conversations wait.</summary>
    /// <param name="capacity">How many may.</param>
    /// <param name="estimatedWait">How long what waits will take; null: not known.</param>
    public QueueFullException(int capacity, TimeSpan? estimatedWait = null)
        : this($"The guard's queue is full: {capacity} jobs wait. Try again later, send less at once, or raise QueueCapacity.", estimatedWait)
    {
    }

    internal QueueFullException(string message, TimeSpan? estimatedWait)
        : base(message) => EstimatedWait = estimatedWait;

    /// <summary>How long what waits will take, by what was measured so far: a good time to try again after. Null: not known.</summary>
    public TimeSpan? EstimatedWait { get; }
}
