using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Server.Audit;

/// <summary>One verdict that was given, as it goes into the record.</summary>
internal sealed record Decision
{
    /// <summary>Unique, and in order of time: <c>modr-</c> and 32 hexadecimal digits of a version 7 UUID.</summary>
    public required string Id { get; init; }

    /// <summary>When the verdict was ready.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The name of the key that asked.</summary>
    public required string Caller { get; init; }

    /// <summary>The endpoint's path.</summary>
    public required string Endpoint { get; init; }

    /// <summary>What was judged. Stored as a keyed hash; itself only where configuration says so.</summary>
    public required Conversation Conversation { get; init; }

    /// <summary>The verdict.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>From the request's arrival to the verdict.</summary>
    public required TimeSpan Latency { get; init; }
}

/// <summary>Where decisions are recorded.</summary>
internal interface IDecisionLog
{
    /// <summary>Takes a decision over. What its completion promises is a matter of configuration: that it is on disk, or that it is on its way.</summary>
    /// <exception cref="GuardException">It could not be recorded although configuration promises that it is; the verdict must not leave.</exception>
    ValueTask RecordAsync(Decision decision, CancellationToken cancellationToken);
}

/// <summary>The record that keeps nothing: auditing is switched off.</summary>
internal sealed class NoDecisionLog : IDecisionLog
{
    /// <inheritdoc/>
    public ValueTask RecordAsync(Decision decision, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
