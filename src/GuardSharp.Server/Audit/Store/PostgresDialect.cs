using System.Data.Common;
using Npgsql;

namespace GuardSharp.Server.Audit.Store;

/// <summary>PostgreSQL, shared by any number of servers.</summary>
internal sealed class PostgresDialect : ISqlDialect
{
    // Of this program in this database: "GuardShr" in ASCII.
    private const string LockNumber = "5149128892905384050";

    private readonly NpgsqlDataSource _source;

    /// <param name="connectionString">How the database is reached.</param>
    /// <param name="timeoutSeconds">How long it may take to connect and for one command.</param>
    /// <exception cref="AuditException">The connection string is none.</exception>
    public PostgresDialect(string connectionString, int timeoutSeconds)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString) { Timeout = timeoutSeconds, CommandTimeout = timeoutSeconds };
            settings.ApplicationName ??= "guardsharp";
            _source = new NpgsqlDataSourceBuilder(settings.ToString()).Build();
        }
        catch (Exception error) when (error is ArgumentException or FormatException or InvalidCastException)
        {
            // The parser's message may hold the password.
            throw new AuditException($"{AuditOptions.Section}:ConnectionString is no connection string of PostgreSQL. Write it as Host=db;Database=guardsharp;Username=guardsharp.", null);
        }
    }

    /// <inheritdoc/>
    public string Identity => "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";

    /// <inheritdoc/>
    public string Real => "double precision";

    /// <inheritdoc/>
    public string Boolean => "boolean";

    /// <summary>
    /// Writers take turns, so that sequence numbers become visible in their order and whoever reads from a cursor on misses none. A database that
    /// answers before it has written would break the promise of a commit; the setting is raised for this transaction, and left where it is stronger.
    /// </summary>
    public string Turn =>
        $"SELECT pg_advisory_xact_lock({LockNumber}), CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END";

    /// <inheritdoc/>
    public async ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException error) when (error.SqlState.StartsWith("28", StringComparison.Ordinal) || error.SqlState is PostgresErrorCodes.InvalidCatalogName)
        {
            throw new AuditException($"The audit's database refuses the connection: {error.MessageText}. Correct {AuditOptions.Section}:ConnectionString, or make the user and the database.", error);
        }
    }

    /// <inheritdoc/>
    public void ForgetConnections() => _source.Clear();

    /// <inheritdoc/>
    public bool IsFaultOfRow(DbException error) =>
        error is PostgresException postgres && (postgres.SqlState.StartsWith("22", StringComparison.Ordinal) || postgres.SqlState.StartsWith("23", StringComparison.Ordinal)
            || postgres.SqlState == PostgresErrorCodes.ProgramLimitExceeded);

    /// <inheritdoc/>
    public bool IsBrokenConnection(DbException error) => error.InnerException is IOException
        || (error is PostgresException postgres && postgres.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
