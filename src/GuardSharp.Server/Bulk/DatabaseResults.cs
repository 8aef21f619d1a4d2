using System.Data.Common;
using System.Text;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GuardSharp.Server.Bulk;

/// <summary>Results in a table, keyed by id: a message that was judged twice, because its worker died before it could say so, still has one result.</summary>
/// <remarks>
/// Works on SQLite (one machine, any number of workers) and PostgreSQL. Results that wait together are written in one transaction. While the
/// database is away they wait, their messages stay unacknowledged, and the broker sends no more than the prefetch.
/// </remarks>
internal sealed partial class DatabaseResults : IResultStore
{
    private const int MostTogether = 256;
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(15);

    private readonly Func<DbConnection> _connect;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly Channel<Waiting> _waiting = Channel.CreateUnbounded<Waiting>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;

    private DatabaseResults(Func<DbConnection> connect, ILogger log, TimeProvider time)
    {
        (_connect, _log, _time) = (connect, log, time);
        _writing = WriteAllAsync();
    }

    /// <summary>A table in a SQLite file.</summary>
    public static DatabaseResults InFile(string path, ILogger log, TimeProvider time)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 60 }.ConnectionString;
        return new DatabaseResults(() => new SqliteConnection(connection), log, time);
    }

    /// <summary>A table in PostgreSQL.</summary>
    /// <exception cref="GuardException">The connection string is none.</exception>
    public static DatabaseResults InPostgres(string connection, ILogger log, TimeProvider time)
    {
        try
        {
            var text = new NpgsqlConnectionStringBuilder(connection).ConnectionString;
            return new DatabaseResults(() => new NpgsqlConnection(text), log, time);
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw new GuardException($"{WorkerOptions.Section}:Results is no connection string of PostgreSQL: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public async Task StoreAsync(BulkResult result, CancellationToken cancellationToken)
    {
        var waiting = new Waiting(result, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await _waiting.Writer.WriteAsync(waiting, cancellationToken).ConfigureAwait(false);
        await waiting.Stored.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<bool> HoldsAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT 1 FROM guardsharp_results WHERE id = @id";
                Add(command, "@id").Value = id;
                return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is not null;
            }
        }
        catch (DbException)
        {
            // Judging once more does no harm; storing will wait for the database.
            return false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _writing.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task WriteAllAsync()
    {
        var together = new List<Waiting>();
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(_stop.Token).ConfigureAwait(false))
            {
                while (together.Count < MostTogether && _waiting.Reader.TryRead(out var next))
                    together.Add(next);
                await WriteUntilDoneAsync(together).ConfigureAwait(false);
                together.ForEach(waiting => waiting.Stored.TrySetResult());
                together.Clear();
            }
        }
        catch (OperationCanceledException)
        {
            together.ForEach(waiting => waiting.Stored.TrySetCanceled());
            while (_waiting.Reader.TryRead(out var left))
                left.Stored.TrySetCanceled();
        }
    }

    private async Task WriteUntilDoneAsync(List<Waiting> together)
    {
        for (var wait = TimeSpan.FromMilliseconds(250); ; wait = wait * 2 < _longestWait ? wait * 2 : _longestWait)
        {
            try
            {
                await WriteAsync(together).ConfigureAwait(false);
                return;
            }
            catch (DbException error)
            {
                Away(_log, error, wait.TotalSeconds);
                await Task.Delay(wait, _time, _stop.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task WriteAsync(List<Waiting> together)
    {
        var connection = await OpenAsync(_stop.Token).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var transaction = await connection.BeginTransactionAsync(_stop.Token).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                using var insert = connection.CreateCommand();
                insert.Transaction = transaction;
                insert.CommandText = "INSERT INTO guardsharp_results (id, stored, result) VALUES (@id, @stored, @result) ON CONFLICT (id) DO NOTHING";
                var (id, stored, result) = (Add(insert, "@id"), Add(insert, "@stored"), Add(insert, "@result"));
                stored.Value = _time.GetUtcNow().ToString("O");
                // In one order in all workers: two that hold rows of each other would wait for ever.
                foreach (var waiting in together.OrderBy(waiting => waiting.Result.Id, StringComparer.Ordinal))
                {
                    id.Value = waiting.Result.Id;
                    result.Value = Encoding.UTF8.GetString(waiting.Result.Json.Span);
                    await insert.ExecuteNonQueryAsync(_stop.Token).ConfigureAwait(false);
                }

                await transaction.CommitAsync(_stop.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Opens a pooled connection and makes the table if it is missing.</summary>
    private async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = _connect();
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            using var create = connection.CreateCommand();
            create.CommandText = (connection is SqliteConnection ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; " : "")
                + "CREATE TABLE IF NOT EXISTS guardsharp_results (id TEXT PRIMARY KEY, stored TEXT NOT NULL, result TEXT NOT NULL)";
            await create.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static DbParameter Add(DbCommand command, string name)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        command.Parameters.Add(parameter);
        return parameter;
    }

    [LoggerMessage(LogLevel.Warning, "Results cannot be stored; trying again in {Seconds} s. Their messages stay in the queue.")]
    private static partial void Away(ILogger log, Exception error, double seconds);

    private sealed record Waiting(BulkResult Result, TaskCompletionSource Stored);
}
