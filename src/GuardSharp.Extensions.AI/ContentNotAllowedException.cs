namespace GuardSharp.Extensions.AI;

/// <summary>Content that no guard can judge and that the options do not let pass.</summary>
/// <param name="kind">What kind it is; none of its content.</param>
/// <param name="innerException">The cause, if another error led here.</param>
public sealed class ContentNotAllowedException(string kind, Exception? innerException = null) : GuardException(
    $"The chat holds {kind}, which the guard cannot judge. Text, images (as data), tool calls and results can be judged; to let an address pass set AllowUriContent, for other kinds AllowUnjudged.",
    innerException);

/// <summary>The guard gave no verdict in time.</summary>
/// <param name="timeout">The time it had.</param>
public sealed class GuardTimeoutException(TimeSpan timeout) : GuardException(
    FormattableString.Invariant($"The guard gave no verdict within {timeout.TotalSeconds} s. Raise GuardedChatOptions.Timeout, or give the guard less work at once."));
