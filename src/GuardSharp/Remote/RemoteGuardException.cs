namespace GuardSharp.Remote;

/// <summary>The server of a remote guard did not give a verdict. It never means safe.</summary>
/// <param name="message">What happened; holds no user text and nothing the server wrote.</param>
/// <param name="isTransient">Whether the same request may succeed later.</param>
/// <param name="retryAfter">What the server asked to wait, if it did.</param>
/// <param name="innerException">The cause.</param>
public sealed class RemoteGuardException(string message, bool isTransient, TimeSpan? retryAfter = null, Exception? innerException = null)
    : GuardException(message, innerException)
{
    /// <summary>Whether the same request may succeed later: the server is down, busy or broken, and the request itself is not at fault.</summary>
    public bool IsTransient { get; } = isTransient;

    /// <summary>What the server asked to wait; null: it did not say.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>An attempt that failed for a reason that may pass. Never leaves the room.</summary>
/// <param name="message">What happened.</param>
/// <param name="isBusy">The server is well and asks for patience: no reason to stop asking it.</param>
/// <param name="wait">What it asked to wait.</param>
/// <param name="innerException">The cause.</param>
internal sealed class AttemptFailure(string message, bool isBusy = false, TimeSpan? wait = null, Exception? innerException = null)
    : Exception(message, innerException)
{
    public bool IsBusy { get; } = isBusy;

    public TimeSpan? Wait { get; } = wait;
}
