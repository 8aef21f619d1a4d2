using System.Data.Common;

namespace GuardSharp.Server.Audit.Store;

/// <summary>Short forms of what every use of a connection repeats.</summary>
internal static class SqlCommands
{
    /// <summary>Runs statements without parameters.</summary>
    public static async Task RunAsync(this DbConnection connection, string sql, CancellationToken cancellationToken)
    {
        var command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs one statement in a transaction.</summary>
    /// <returns>How many rows it changed.</returns>
    public static async Task<int> RunAsync(this DbTransaction transaction, string sql, IEnumerable<(string Name, object? Value)> parameters, CancellationToken cancellationToken)
    {
        var command = transaction.Connection!.Command(sql, parameters);
        await using var _ = command.ConfigureAwait(false);
        command.Transaction = transaction;
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads rows in a transaction.</summary>
    public static async Task<List<T>> ReadAsync<T>(
        this DbTransaction transaction, string sql, IEnumerable<(string Name, object? Value)> parameters, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        var command = transaction.Connection!.Command(sql, parameters);
        await using var _ = command.ConfigureAwait(false);
        command.Transaction = transaction;
        return await ReadAsync(command, read, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads rows.</summary>
    public static async Task<List<T>> ReadAsync<T>(
        this DbConnection connection, string sql, IEnumerable<(string Name, object? Value)> parameters, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        var command = connection.Command(sql, parameters);
        await using var _ = command.ConfigureAwait(false);
        return await ReadAsync(command, read, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The time of a column of milliseconds, or null.</summary>
    public static DateTimeOffset? GetTimeOrNull(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetTime(column);

    /// <summary>The time of a column of milliseconds.</summary>
    public static DateTimeOffset GetTime(this DbDataReader row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    /// <summary>The text of a column, or null.</summary>
    public static string? GetTextOrNull(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    /// <summary>A command with its parameters.</summary>
    public static DbCommand Command(this DbConnection connection, string sql, IEnumerable<(string Name, object? Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static async Task<List<T>> ReadAsync<T>(DbCommand command, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = reader.ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows.Add(read(reader));
        }

        return rows;
    }
}
