using System.Data.Common;

namespace GuardSharp.Server.Audit.Store;

/// <summary>The store's tables. Times are milliseconds since 1970 in UTC; lists and maps are JSON.</summary>
internal static class SqlSchema
{
    // One entry a version; what is released is never changed, a new version is appended.
    private static readonly Func<ISqlDialect, string>[] _versions = [First];

    /// <summary>The version this program writes.</summary>
    public static int Version => _versions.Length;

    /// <summary>Brings the tables up to date.</summary>
    /// <exception cref="AuditException">They are those of a later version.</exception>
    public static async Task MigrateAsync(DbTransaction transaction, ISqlDialect dialect, CancellationToken cancellationToken)
    {
        await transaction.RunAsync("CREATE TABLE IF NOT EXISTS audit_schema (version integer NOT NULL)", [], cancellationToken).ConfigureAwait(false);
        var found = await transaction.ReadAsync("SELECT version FROM audit_schema", [], row => row.GetInt32(0), cancellationToken).ConfigureAwait(false);
        var current = found.Count == 0 ? 0 : found[0];
        if (current > Version)
        {
            throw new AuditException($"The audit store has tables of version {current}, but this guardsharp knows versions up to {Version}. Use the newer guardsharp, or another store.");
        }

        for (var version = current; version < Version; version++)
        {
            await transaction.RunAsync(_versions[version](dialect), [], cancellationToken).ConfigureAwait(false);
        }

        if (current < Version)
        {
            await transaction.RunAsync("DELETE FROM audit_schema", [], cancellationToken).ConfigureAwait(false);
            await transaction.RunAsync("INSERT INTO audit_schema (version) VALUES (@version)", [("@version", Version)], cancellationToken).ConfigureAwait(false);
        }
    }

    private static string First(ISqlDialect dialect) =>
        $"""
        CREATE TABLE audit_decisions (
            sequence {dialect.Identity},
            id text NOT NULL UNIQUE,
            run text NOT NULL,
            number bigint NOT NULL,
            time_ms bigint NOT NULL,
            key_name text NOT NULL,
            endpoint text NOT NULL,
            task text NOT NULL,
            unsafe {dialect.Boolean} NOT NULL,
            unsafe_probability {dialect.Real} NOT NULL,
            threshold {dialect.Real} NOT NULL,
            categories text NOT NULL,
            category_probabilities text NOT NULL,
            policy_version text NOT NULL,
            model text NOT NULL,
            prompt_tokens integer NOT NULL,
            image_tokens integer NOT NULL,
            latency_ms {dialect.Real} NOT NULL,
            content_hash text NOT NULL,
            content text
        );
        CREATE INDEX audit_decisions_run ON audit_decisions (run, number);
        CREATE INDEX audit_decisions_time ON audit_decisions (time_ms);
        CREATE INDEX audit_decisions_hash ON audit_decisions (content_hash);
        CREATE TABLE audit_labels (
            sequence {dialect.Identity},
            decision_id text NOT NULL,
            correct {dialect.Boolean} NOT NULL,
            categories text,
            note text,
            reviewer text NOT NULL,
            time_ms bigint NOT NULL
        );
        CREATE INDEX audit_labels_decision ON audit_labels (decision_id, sequence);
        CREATE TABLE audit_runs (
            run text NOT NULL PRIMARY KEY,
            host text NOT NULL,
            durability text NOT NULL,
            started_ms bigint NOT NULL,
            ended_ms bigint,
            settled bigint NOT NULL
        );
        CREATE TABLE audit_gaps (
            sequence {dialect.Identity},
            run text NOT NULL,
            first_number bigint NOT NULL,
            last_number bigint NOT NULL,
            after_ms bigint,
            before_ms bigint,
            found_ms bigint NOT NULL
        );
        """;
}
