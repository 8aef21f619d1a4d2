namespace GuardSharp.Evaluation.Samples;

/// <summary>A file of samples or predictions that cannot be used. The message begins with the file and, where there is one, the line.</summary>
public sealed class SampleFileException : GuardException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was seen, what is allowed, the remedy. Holds no text of the samples.</param>
    /// <param name="innerException">The cause, if another error led here.</param>
    public SampleFileException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}
