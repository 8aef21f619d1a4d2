using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Audit;

/// <summary>What the audit logs: never content.</summary>
internal static partial class AuditEvents
{
    [LoggerMessage(1, LogLevel.Information, "Decisions are recorded in {Store}, {Durability}; content is {Content}.")]
    public static partial void Started(this ILogger logger, string store, AuditDurability durability, string content);

    [LoggerMessage(2, LogLevel.Error, "The audit store is away: {Reason}. {Consequence}")]
    public static partial void Away(this ILogger logger, string reason, string consequence);

    [LoggerMessage(3, LogLevel.Information, "The audit store is back; {Replayed} decisions were stored from disk.")]
    public static partial void Back(this ILogger logger, long replayed);

    [LoggerMessage(4, LogLevel.Critical, "Decisions are being lost: the audit store is away and {Path} is full. Free the disk, raise GuardSharp:Audit:MaxSpillBytes, or bring the store back.")]
    public static partial void SpillFull(this ILogger logger, string path);

    [LoggerMessage(5, LogLevel.Error, "{Count} decisions were lost while the audit store was away and the spill file full. /v1/audit/gaps will name them when this run has ended.")]
    public static partial void Lost(this ILogger logger, long count);

    [LoggerMessage(6, LogLevel.Error, "Run {Run} on {Host} lost {Count} decisions, numbers {First} to {Last}, between {After:o} and {Before:o}.")]
    public static partial void GapFound(this ILogger logger, string run, string host, long count, long first, long last, DateTimeOffset? after, DateTimeOffset? before);

    [LoggerMessage(7, LogLevel.Warning, "Run {Run} on {Host} was killed while it committed decisions {First} to {Last}; they were not answered.")]
    public static partial void UnansweredGap(this ILogger logger, string run, string host, long first, long last);

    [LoggerMessage(8, LogLevel.Information, "Run {Run} on {Host} did not end properly; {Taken} decisions were taken, {Missing} are missing.")]
    public static partial void RunFound(this ILogger logger, string run, string host, long taken, long missing);

    [LoggerMessage(9, LogLevel.Error, "The audit store refuses {Count} decisions for what they are (too large, or against its rules); they are lost.")]
    public static partial void RowsRefused(this ILogger logger, int count);

    [LoggerMessage(10, LogLevel.Warning, "{Path} has {Count} damaged lines; a process was killed while it wrote them.")]
    public static partial void DamagedLines(this ILogger logger, string path, int count);

    [LoggerMessage(11, LogLevel.Information, "Retention deleted {Count} decisions older than {Time:o}.")]
    public static partial void Deleted(this ILogger logger, long count, DateTimeOffset time);

    [LoggerMessage(12, LogLevel.Warning, "Retention could not delete old decisions: {Reason}. It tries again in ten minutes.")]
    public static partial void NotDeleted(this ILogger logger, string reason);

    [LoggerMessage(13, LogLevel.Error, "Decisions are being lost: more than {Bytes} bytes of them wait in memory.")]
    public static partial void TooManyPending(this ILogger logger, long bytes);

    [LoggerMessage(14, LogLevel.Critical, "Recording {Count} decisions failed.")]
    public static partial void BatchFailed(this ILogger logger, Exception error, int count);
}
