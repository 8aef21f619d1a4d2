using System.Data.Common;
using GuardSharp.Server.Audit.Recording;

namespace GuardSharp.Server.Audit.Store;

/// <summary>The store in a relational database. Every use takes a pooled connection of its own.</summary>
internal sealed class SqlDecisionStore(ISqlDialect dialect, TimeProvider time) : IDecisionStore
{
    // A delete that takes all at once would keep writers out for as long.
    private const int DeleteRows = 1000;

    /// <inheritdoc/>
    public Task OpenAsync(RunStart run, CancellationToken cancellationToken) => ChangeAsync(
        async transaction =>
        {
            await SqlSchema.MigrateAsync(transaction, dialect, cancellationToken).ConfigureAwait(false);
            await GapSearch.EnterAsync(transaction, run, cancellationToken).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DecisionRow>> WriteAsync(IReadOnlyList<DecisionRow> rows, CancellationToken cancellationToken)
    {
        try
        {
            await InsertAsync(rows, cancellationToken).ConfigureAwait(false);
            return [];
        }
        catch (DbException error) when (dialect.IsFaultOfRow(error))
        {
            // One such row must not keep its neighbours out of the store: find it by halves.
            if (rows.Count == 1)
            {
                return rows;
            }

            DecisionRow[] all = [.. rows];
            var first = await WriteAsync(all[..(all.Length / 2)], cancellationToken).ConfigureAwait(false);
            var second = await WriteAsync(all[(all.Length / 2)..], cancellationToken).ConfigureAwait(false);
            return [.. first, .. second];
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Gap>> SettleAsync(RunStart run, long taken, DateTimeOffset? ended, CancellationToken cancellationToken) =>
        ChangeAsync(transaction => GapSearch.SettleAsync(transaction, run, taken, time.GetUtcNow(), ended, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async Task<long> DeleteBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken)
    {
        long deleted = 0;
        int changed;
        await ChangeAsync(transaction => SettleOldAsync(transaction, time, cancellationToken), cancellationToken).ConfigureAwait(false);
        do
        {
            changed = await ChangeAsync(transaction => DeleteSomeAsync(transaction, time, cancellationToken), cancellationToken).ConfigureAwait(false);
            deleted += changed;
        }
        while (changed == DeleteRows);
        return deleted;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredDecision>> ListAsync(DecisionQuery query, CancellationToken cancellationToken)
    {
        var (conditions, parameters) = Conditions(query);
        var sql = $"{DecisionColumns.Select(query.ReadContent)} WHERE {string.Join(" AND ", conditions)} ORDER BY d.sequence {(query.Descending ? "DESC" : "ASC")} LIMIT @limit";
        return await ReadAsync(connection => connection.ReadAsync(sql, [.. parameters, ("@limit", query.Limit)], DecisionColumns.Read, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<(StoredDecision Decision, IReadOnlyList<StoredLabel> Labels)?> FindAsync(string id, CancellationToken cancellationToken) => ReadAsync<(StoredDecision, IReadOnlyList<StoredLabel>)?>(
        async connection =>
        {
            var found = await connection.ReadAsync($"{DecisionColumns.Select(content: true)} WHERE d.id = @id", [("@id", id)], DecisionColumns.Read, cancellationToken).ConfigureAwait(false);
            if (found.Count == 0)
            {
                return null;
            }

            const string Labels = "SELECT correct, categories, note, reviewer, time_ms FROM audit_labels WHERE decision_id = @id ORDER BY sequence DESC";
            return (found[0], await connection.ReadAsync(Labels, [("@id", id)], row => DecisionColumns.ReadLabel(row, 0), cancellationToken).ConfigureAwait(false));
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<bool> LabelAsync(string id, StoredLabel label, CancellationToken cancellationToken) => ChangeAsync(
        async transaction => await transaction.RunAsync(
            """
            INSERT INTO audit_labels (decision_id, correct, categories, note, reviewer, time_ms)
            SELECT id, @correct, @categories, @note, @reviewer, @time FROM audit_decisions WHERE id = @id
            """,
            [
                ("@correct", label.Correct),
                ("@categories", label.Categories is { } codes ? DecisionColumns.WriteList(codes) : null),
                ("@note", label.Note),
                ("@reviewer", label.Reviewer),
                ("@time", label.Time.ToUnixTimeMilliseconds()),
                ("@id", id),
            ],
            cancellationToken).ConfigureAwait(false) > 0,
        cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Gap>> GapsAsync(CancellationToken cancellationToken) => await ReadAsync(
        connection => connection.ReadAsync(
            """
            SELECT g.run, r.host, g.first_number, g.last_number, g.after_ms, g.before_ms, g.found_ms, r.durability
            FROM audit_gaps g JOIN audit_runs r ON r.run = g.run ORDER BY g.sequence
            """,
            [],
            row => new Gap(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3), row.GetTimeOrNull(4), row.GetTimeOrNull(5), row.GetTime(6), row.GetString(7)),
            cancellationToken),
        cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<OpenRun>> OpenRunsAsync(CancellationToken cancellationToken) => await ReadAsync(
        connection => connection.ReadAsync(
            """
            SELECT r.run, r.host, r.started_ms, COALESCE(MAX(d.number), 0), MAX(d.time_ms) FROM audit_runs r
            LEFT JOIN audit_decisions d ON d.run = r.run WHERE r.ended_ms IS NULL GROUP BY r.run, r.host, r.started_ms ORDER BY r.started_ms
            """,
            [],
            row => new OpenRun(row.GetString(0), row.GetString(1), row.GetTime(2), row.GetInt64(3), row.GetTimeOrNull(4)),
            cancellationToken),
        cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => dialect.DisposeAsync();

    private static (List<string> Conditions, List<(string, object?)> Parameters) Conditions(DecisionQuery query)
    {
        var conditions = new List<string> { "1 = 1" };
        var parameters = new List<(string, object?)>();
        void Add(object? value, string condition, string name)
        {
            if (value is not null)
            {
                conditions.Add(condition);
                parameters.Add((name, value));
            }
        }

        Add(query.From?.ToUnixTimeMilliseconds(), "d.time_ms >= @from", "@from");
        Add(query.Before?.ToUnixTimeMilliseconds(), "d.time_ms < @before", "@before");
        Add(query.Unsafe, "d.unsafe = @unsafe", "@unsafe");
        // Codes are letters and digits, so one in quotes is found in the JSON list as it stands.
        Add(query.Category is { } code ? $"%\"{code}\"%" : null, "d.categories LIKE @category", "@category");
        Add(query.Key, "d.key_name = @key", "@key");
        Add(query.Model, "d.model = @model", "@model");
        Add(query.Cursor, query.Descending ? "d.sequence < @cursor" : "d.sequence > @cursor", "@cursor");
        if (query.Labelled is { } labelled)
        {
            conditions.Add(labelled ? "l.sequence IS NOT NULL" : "l.sequence IS NULL");
        }

        if (query.WithContent)
        {
            conditions.Add("d.content IS NOT NULL");
        }

        return (conditions, parameters);
    }

    private static async Task<int> DeleteSomeAsync(DbTransaction transaction, DateTimeOffset time, CancellationToken cancellationToken)
    {
        (string, object?)[] before = [("@time", time.ToUnixTimeMilliseconds())];
        var oldest = $"FROM audit_decisions WHERE time_ms < @time ORDER BY sequence LIMIT {DeleteRows}";
        await transaction.RunAsync($"DELETE FROM audit_labels WHERE decision_id IN (SELECT id {oldest})", before, cancellationToken).ConfigureAwait(false);
        return await transaction.RunAsync($"DELETE FROM audit_decisions WHERE sequence IN (SELECT sequence {oldest})", before, cancellationToken).ConfigureAwait(false);
    }

    // A deleted number is none that is missing: what is about to go is looked at for gaps first.
    private async Task<bool> SettleOldAsync(DbTransaction transaction, DateTimeOffset before, CancellationToken cancellationToken)
    {
        var runs = await transaction.ReadAsync(
            """
            SELECT r.run, r.host, r.started_ms, r.durability, MAX(d.number) FROM audit_decisions d JOIN audit_runs r ON r.run = d.run
            WHERE d.time_ms < @time GROUP BY r.run, r.host, r.started_ms, r.durability
            """,
            [("@time", before.ToUnixTimeMilliseconds())],
            row => (Start: new RunStart(row.GetString(0), row.GetString(1), row.GetTime(2), row.GetString(3)), Last: row.GetInt64(4)),
            cancellationToken).ConfigureAwait(false);
        foreach (var (start, last) in runs)
        {
            await GapSearch.SettleAsync(transaction, start, last, time.GetUtcNow(), ended: null, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    private Task<bool> InsertAsync(IReadOnlyList<DecisionRow> rows, CancellationToken cancellationToken) => ChangeAsync(
        async transaction =>
        {
            if (transaction.Connection!.CanCreateBatch)
            {
                await InsertBatchAsync(transaction, rows, cancellationToken).ConfigureAwait(false);
                return true;
            }

            foreach (var row in rows)
            {
                await transaction.RunAsync(DecisionColumns.Insert, DecisionColumns.Parameters(row), cancellationToken).ConfigureAwait(false);
            }

            return true;
        },
        cancellationToken);

    // All in one round trip.
    private static async Task InsertBatchAsync(DbTransaction transaction, IReadOnlyList<DecisionRow> rows, CancellationToken cancellationToken)
    {
        var batch = transaction.Connection!.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        batch.Transaction = transaction;
        foreach (var row in rows)
        {
            var command = batch.CreateBatchCommand();
            command.CommandText = DecisionColumns.Insert;
            foreach (var (name, value) in DecisionColumns.Parameters(row))
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = name;
                parameter.Value = value ?? DBNull.Value;
                command.Parameters.Add(parameter);
            }

            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private Task<T> ChangeAsync<T>(Func<DbTransaction, Task<T>> change, CancellationToken cancellationToken) => ReadAsync(
        async connection =>
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using var _ = transaction.ConfigureAwait(false);
            if (dialect.Turn is { } turn)
            {
                await transaction.RunAsync(turn, [], cancellationToken).ConfigureAwait(false);
            }

            var result = await change(transaction).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return result;
        },
        cancellationToken);

    // Everything here may run twice: rows are known by their id, and a commit that was not heard of is looked up by it. A label may come twice.
    private async Task<T> ReadAsync<T>(Func<DbConnection, Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            return await OnceAsync(read, cancellationToken).ConfigureAwait(false);
        }
        catch (DbException error) when (dialect.IsBrokenConnection(error))
        {
            // A database that was started anew leaves the pool full of dead connections.
            dialect.ForgetConnections();
            return await OnceAsync(read, cancellationToken).ConfigureAwait(false);
        }
        catch (DbException error) when (!dialect.IsFaultOfRow(error))
        {
            dialect.ForgetConnections();
            throw;
        }
    }

    private async Task<T> OnceAsync<T>(Func<DbConnection, Task<T>> read, CancellationToken cancellationToken)
    {
        var connection = await dialect.ConnectAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return await read(connection).ConfigureAwait(false);
    }
}
