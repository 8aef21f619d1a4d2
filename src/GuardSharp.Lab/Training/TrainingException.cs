namespace GuardSharp.Lab.Training;

/// <summary>A training run that cannot start or go on: its configuration, its data or its folder is not usable.</summary>
/// <param name="message">What was seen, what is allowed, the remedy.</param>
/// <param name="innerException">The cause, if another error led here.</param>
internal sealed class TrainingException(string message, Exception? innerException = null) : GuardException(message, innerException);
