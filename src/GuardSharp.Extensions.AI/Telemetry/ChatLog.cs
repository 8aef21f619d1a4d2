using Microsoft.Extensions.Logging;

namespace GuardSharp.Extensions.AI.Telemetry;

/// <summary>Lines of the log. No parameter ever carries content.</summary>
internal static partial class ChatLog
{
    [LoggerMessage(1, LogLevel.Warning, "The {Stage} of a chat was blocked: P(unsafe) {Probability} against {Threshold}, categories [{Categories}], by {Model} under {Policy}.")]
    public static partial void BlockedUnsafe(ILogger logger, GuardStage stage, double probability, double threshold, string categories, string model, string policy);

    [LoggerMessage(2, LogLevel.Error, "The {Stage} of a chat was blocked without a verdict: {Reason}. {Error}")]
    public static partial void BlockedUnjudged(ILogger logger, GuardStage stage, string reason, string error);

    [LoggerMessage(3, LogLevel.Error, "The {Stage} of a chat passed UNJUDGED, because FailOpen is set: {Reason}. {Error}")]
    public static partial void FailedOpen(ILogger logger, GuardStage stage, string reason, string error);
}
