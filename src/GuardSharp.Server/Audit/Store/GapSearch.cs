using System.Data.Common;
using GuardSharp.Server.Audit.Recording;

namespace GuardSharp.Server.Audit.Store;

/// <summary>Finds the numbers of a run that are not in the store, and writes them down.</summary>
internal static class GapSearch
{
    /// <summary>Enters a run, if it is not there.</summary>
    public static Task EnterAsync(DbTransaction transaction, RunStart run, CancellationToken cancellationToken) => transaction.RunAsync(
        """
        INSERT INTO audit_runs (run, host, durability, started_ms, settled) VALUES (@run, @host, @durability, @started, 0)
        ON CONFLICT (run) DO UPDATE SET host = excluded.host
        """,
        [("@run", run.Run), ("@host", run.Host), ("@durability", run.Durability), ("@started", run.Started.ToUnixTimeMilliseconds())],
        cancellationToken);

    /// <summary>Looks at the numbers behind those looked at before, up to one, or to the last that is stored if that is later.</summary>
    public static async Task<IReadOnlyList<Gap>> SettleAsync(
        DbTransaction transaction, RunStart run, long taken, DateTimeOffset now, DateTimeOffset? ended, CancellationToken cancellationToken)
    {
        await EnterAsync(transaction, run, cancellationToken).ConfigureAwait(false);
        var from = (await transaction.ReadAsync("SELECT settled FROM audit_runs WHERE run = @run", [("@run", run.Run)], row => row.GetInt64(0), cancellationToken)
            .ConfigureAwait(false))[0];
        var stored = await transaction.ReadAsync(
            "SELECT COALESCE(MAX(number), 0) FROM audit_decisions WHERE run = @run", [("@run", run.Run)], row => row.GetInt64(0), cancellationToken).ConfigureAwait(false);
        // An end that is given is the end; without one only what is given was meant.
        var through = Math.Max(from, ended is null ? taken : Math.Max(taken, stored[0]));
        var gaps = await FindAsync(transaction, run, from, through, now, cancellationToken).ConfigureAwait(false);
        foreach (var gap in gaps)
        {
            await InsertAsync(transaction, gap, cancellationToken).ConfigureAwait(false);
        }

        await transaction.RunAsync(
            "UPDATE audit_runs SET settled = @settled, ended_ms = COALESCE(@ended, ended_ms) WHERE run = @run",
            [("@settled", through), ("@ended", ended?.ToUnixTimeMilliseconds()), ("@run", run.Run)],
            cancellationToken).ConfigureAwait(false);
        return gaps;
    }

    // Each stored number beside the next one; the ends stand as numbers without a time.
    private static Task<List<Gap>> FindAsync(DbTransaction transaction, RunStart run, long from, long through, DateTimeOffset now, CancellationToken cancellationToken) =>
        transaction.ReadAsync(
            """
            SELECT number, time_ms, next_number, next_ms FROM (
                SELECT number, time_ms, LEAD(number) OVER (ORDER BY number) AS next_number, LEAD(time_ms) OVER (ORDER BY number) AS next_ms FROM (
                    SELECT number, time_ms FROM audit_decisions WHERE run = @run AND number > @from AND number <= @through
                    UNION ALL SELECT number, time_ms FROM audit_decisions WHERE run = @run AND number = @from
                    UNION ALL SELECT @from, NULL WHERE NOT EXISTS (SELECT 1 FROM audit_decisions WHERE run = @run AND number = @from)
                    UNION ALL SELECT @through + 1, NULL) AS numbers) AS pairs
            WHERE next_number > number + 1 ORDER BY number
            """,
            [("@run", run.Run), ("@from", from), ("@through", through)],
            row => new Gap(run.Run, run.Host, row.GetInt64(0) + 1, row.GetInt64(2) - 1, row.GetTimeOrNull(1), row.GetTimeOrNull(3), now, run.Durability),
            cancellationToken);

    private static Task<int> InsertAsync(DbTransaction transaction, Gap gap, CancellationToken cancellationToken) => transaction.RunAsync(
        "INSERT INTO audit_gaps (run, first_number, last_number, after_ms, before_ms, found_ms) VALUES (@run, @first, @last, @after, @before, @found)",
        [
            ("@run", gap.Run),
            ("@first", gap.First),
            ("@last", gap.Last),
            ("@after", gap.After?.ToUnixTimeMilliseconds()),
            ("@before", gap.Before?.ToUnixTimeMilliseconds()),
            ("@found", gap.Found.ToUnixTimeMilliseconds()),
        ],
        cancellationToken);
}
