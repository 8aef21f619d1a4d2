namespace GuardSharp.Server.Audit;

/// <summary>A decision could not be recorded although configuration promises it, or the store cannot be used. Answered with 503.</summary>
/// <param name="message">What was seen, what is allowed, the remedy. Holds no user text.</param>
/// <param name="innerException">The cause.</param>
internal sealed class AuditException(string message, Exception? innerException = null) : GuardException(message, innerException);
