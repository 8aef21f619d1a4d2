using System.ComponentModel.DataAnnotations;

namespace GuardSharp.Server.Audit;

/// <summary>What is recorded about verdicts, where, and how surely. Configuration section <c>GuardSharp:Audit</c>; docs/audit.md.</summary>
internal sealed class AuditOptions : IValidatableObject
{
    /// <summary>The section of configuration.</summary>
    public const string Section = "GuardSharp:Audit";

    /// <summary>Whether decisions are recorded. Null: as soon as a store is named by <see cref="Path"/> or <see cref="ConnectionString"/>.</summary>
    public bool? Enabled { get; set; }

    /// <summary>The kind of store.</summary>
    public AuditProvider Provider { get; set; } = AuditProvider.Sqlite;

    /// <summary>The SQLite database file. Made, readable by its owner only, where it does not exist.</summary>
    public string? Path { get; set; }

    /// <summary>How the PostgreSQL database is reached.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>What is certain when an answer leaves.</summary>
    public AuditDurability Durability { get; set; } = AuditDurability.Buffered;

    /// <summary>Under <see cref="AuditDurability.Buffered"/>: how long a decision may wait for the next commit, in milliseconds.</summary>
    [Range(1, 200)]
    public int FlushMilliseconds { get; set; } = 100;

    /// <summary>The key of content hashes, base64 of at least 16 bytes. Null: 32 random bytes, made once and kept in <c>hash.key</c> in the spill folder.</summary>
    public string? HashKey { get; set; }

    /// <summary>Whether the judged conversations themselves are stored, pictures included. Needed for training rows.</summary>
    public bool StoreContent { get; set; }

    /// <summary>Days after which decisions and their labels are deleted. Null: never.</summary>
    [Range(1, 36_500)]
    public int? RetentionDays { get; set; }

    /// <summary>The folder of what must outlive this process beside the store: run counters, spilled decisions, the key. Null: the SQLite file's path and <c>.state</c>.</summary>
    public string? SpillPath { get; set; }

    /// <summary>Most bytes of decisions that wait on disk for a store that is away; what does not fit is dropped and counted.</summary>
    [Range(0, 1L << 40)]
    public long MaxSpillBytes { get; set; } = 256L << 20;

    /// <summary>Most bytes of decisions that wait in memory for the next commit.</summary>
    [Range(1L << 20, 1L << 33)]
    public long MaxPendingBytes { get; set; } = 64L << 20;

    /// <summary>How long the store may take for one command, in seconds, before it counts as away.</summary>
    [Range(1, 300)]
    public int StoreTimeoutSeconds { get; set; } = 5;

    /// <summary>Whether decisions are recorded.</summary>
    public bool IsOn => Enabled ?? (Path is not null || ConnectionString is not null);

    /// <summary>The folder of <see cref="SpillPath"/>, its default applied.</summary>
    public string StateFolder => SpillPath ?? Path + ".state";

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IsOn)
        {
            yield break;
        }

        if (Provider == AuditProvider.Sqlite && string.IsNullOrWhiteSpace(Path))
        {
            yield return new ValidationResult($"{Section}:Path is missing: the SQLite store needs the path of its file, such as /var/lib/guardsharp/audit.db.", [nameof(Path)]);
        }

        if (Provider == AuditProvider.PostgreSql && string.IsNullOrWhiteSpace(ConnectionString))
        {
            yield return new ValidationResult($"{Section}:ConnectionString is missing: the PostgreSql store needs one, such as Host=db;Database=guardsharp;Username=guardsharp.", [nameof(ConnectionString)]);
        }

        if (Provider == AuditProvider.PostgreSql && string.IsNullOrWhiteSpace(SpillPath))
        {
            yield return new ValidationResult($"{Section}:SpillPath is missing: with PostgreSql name a folder that outlives the process, for decisions taken while the database is away.", [nameof(SpillPath)]);
        }

        if (HashKey is not null && !IsKey(HashKey))
        {
            yield return new ValidationResult($"{Section}:HashKey must be base64 of at least 16 bytes. Make one with: head -c 32 /dev/urandom | base64.", [nameof(HashKey)]);
        }
    }

    private static bool IsKey(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) && length >= 16;
    }
}

/// <summary>The kinds of store.</summary>
internal enum AuditProvider
{
    /// <summary>A file of this machine.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database, shared by any number of servers.</summary>
    PostgreSql,
}

/// <summary>What is certain when an answer leaves.</summary>
internal enum AuditDurability
{
    /// <summary>The decision will be committed within <see cref="AuditOptions.FlushMilliseconds"/>: a kill loses at most those, and the next start tells which are missing. The store's absence stops no verdict.</summary>
    Buffered,

    /// <summary>The decision is committed. What cannot be recorded is not answered.</summary>
    BeforeAnswer,
}
