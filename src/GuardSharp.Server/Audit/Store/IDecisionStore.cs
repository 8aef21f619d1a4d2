using System.Data.Common;
using GuardSharp.Server.Audit.Recording;

namespace GuardSharp.Server.Audit.Store;

/// <summary>Where decisions, labels and gaps are kept.</summary>
/// <remarks>Safe from any thread. A store that is away shows as <see cref="DbException"/> or <see cref="TimeoutException"/>.</remarks>
internal interface IDecisionStore : IAsyncDisposable
{
    /// <summary>Reaches the store, brings its tables up to date and enters a run; proves that it can be written.</summary>
    /// <exception cref="AuditException">It is reached but cannot be used: its tables are those of a later version, or configuration is wrong.</exception>
    Task OpenAsync(RunStart run, CancellationToken cancellationToken);

    /// <summary>Stores rows in one transaction that is on disk when the task ends; those whose id is there already are passed over.</summary>
    /// <returns>The rows that the store refuses for what they are: too large, or against its rules. The others are stored.</returns>
    Task<IReadOnlyList<DecisionRow>> WriteAsync(IReadOnlyList<DecisionRow> rows, CancellationToken cancellationToken);

    /// <summary>Looks which numbers of a run are missing, up to one, and writes that down. Numbers looked at before are not looked at again.</summary>
    /// <param name="run">The run.</param>
    /// <param name="taken">The last number to look at; later ones that are stored are looked at too.</param>
    /// <param name="ended">When the run ended or was found to have; null: it goes on.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    Task<IReadOnlyList<Gap>> SettleAsync(RunStart run, long taken, DateTimeOffset? ended, CancellationToken cancellationToken);

    /// <summary>Deletes decisions and their labels that are older than a time, after looking for gaps among them.</summary>
    /// <returns>How many decisions were deleted.</returns>
    Task<long> DeleteBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken);

    /// <summary>Decisions in the order of their sequence numbers.</summary>
    Task<IReadOnlyList<StoredDecision>> ListAsync(DecisionQuery query, CancellationToken cancellationToken);

    /// <summary>One decision with all labels it was ever given, the latest first; null: there is none of this id.</summary>
    Task<(StoredDecision Decision, IReadOnlyList<StoredLabel> Labels)?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>Adds a label; the latest counts.</summary>
    /// <returns>False: there is no such decision.</returns>
    Task<bool> LabelAsync(string id, StoredLabel label, CancellationToken cancellationToken);

    /// <summary>All gaps found so far, the earliest first.</summary>
    Task<IReadOnlyList<Gap>> GapsAsync(CancellationToken cancellationToken);

    /// <summary>Runs that have not ended as far as the store knows: those of living servers, and of dead ones whose spill folder nobody opened since.</summary>
    Task<IReadOnlyList<OpenRun>> OpenRunsAsync(CancellationToken cancellationToken);
}

/// <summary>A decision as it came out of the store.</summary>
/// <param name="Sequence">Its place in the store: later ones have larger numbers, with holes.</param>
/// <param name="Row">The decision.</param>
/// <param name="Label">The label that counts; null: none.</param>
internal sealed record StoredDecision(long Sequence, DecisionRow Row, StoredLabel? Label);

/// <summary>What a reviewer said about a decision.</summary>
/// <param name="Correct">Whether the verdict was right.</param>
/// <param name="Categories">The categories that are violated in truth; null: the reviewer did not say.</param>
/// <param name="Note">Free text.</param>
/// <param name="Reviewer">The name of the reviewer's key.</param>
/// <param name="Time">When.</param>
internal sealed record StoredLabel(bool Correct, IReadOnlyList<string>? Categories, string? Note, string Reviewer, DateTimeOffset Time);

/// <summary>Decisions that were taken but are not in the store.</summary>
/// <param name="Run">The run.</param>
/// <param name="Host">The machine.</param>
/// <param name="First">First missing number.</param>
/// <param name="Last">Last missing number.</param>
/// <param name="After">Time of the last stored decision before them; null: they are the run's first.</param>
/// <param name="Before">Time of the first stored decision after them; null: they are the run's last.</param>
/// <param name="Found">When the gap was found.</param>
/// <param name="Durability">The run's durability: under <c>BeforeAnswer</c> none of them was answered.</param>
internal sealed record Gap(string Run, string Host, long First, long Last, DateTimeOffset? After, DateTimeOffset? Before, DateTimeOffset Found, string Durability)
{
    /// <summary>How many are missing.</summary>
    public long Count => Last - First + 1;
}

/// <summary>A run that has not ended as far as the store knows.</summary>
/// <param name="Run">The run.</param>
/// <param name="Host">The machine.</param>
/// <param name="Started">When it began.</param>
/// <param name="LastNumber">The last number in the store; 0: none.</param>
/// <param name="LastTime">The time of the last decision in the store.</param>
internal sealed record OpenRun(string Run, string Host, DateTimeOffset Started, long LastNumber, DateTimeOffset? LastTime);

/// <summary>Which decisions are meant.</summary>
internal sealed record DecisionQuery
{
    /// <summary>From this time on.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before this time.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>With this verdict.</summary>
    public bool? Unsafe { get; init; }

    /// <summary>With this violated category.</summary>
    public string? Category { get; init; }

    /// <summary>Of this key.</summary>
    public string? Key { get; init; }

    /// <summary>Of this model, with its hash.</summary>
    public string? Model { get; init; }

    /// <summary>With a label, or without.</summary>
    public bool? Labelled { get; init; }

    /// <summary>With stored content only.</summary>
    public bool WithContent { get; init; }

    /// <summary>Behind this sequence number in the order asked for.</summary>
    public long? Cursor { get; init; }

    /// <summary>The latest first.</summary>
    public bool Descending { get; init; }

    /// <summary>Most decisions.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Whether the content is read.</summary>
    public bool ReadContent { get; init; }
}
