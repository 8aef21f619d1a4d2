using GuardSharp.Server.Bulk;
using GuardSharp.Tests.Server.Audit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace GuardSharp.Tests.Server.Bulk;

/// <summary>Results in PostgreSQL: the same code as in SQLite, over another driver.</summary>
public sealed class DatabaseResultsTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [Fact]
    public async Task Two_workers_that_store_the_same_ids_leave_one_result_of_each()
    {
        var database = await server.NewDatabaseAsync();
        await using var one = Open(database);
        await using var two = Open(database);
        await Task.WhenAll(Enumerable.Range(0, 400).SelectMany(i => new[] { one, two }.Select(store => store.StoreAsync(Result(i), TestContext.Current.CancellationToken))));
        Assert.Equal(400, await CountAsync(database));
        Assert.True(await two.HoldsAsync("r7", TestContext.Current.CancellationToken));
        Assert.False(await two.HoldsAsync("r400", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Results_wait_for_a_database_that_is_away()
    {
        var database = await server.NewDatabaseAsync();
        await using var store = Open(database);
        await store.StoreAsync(Result(1), TestContext.Current.CancellationToken);
        await server.CrashAsync();
        var waiting = store.StoreAsync(Result(2), TestContext.Current.CancellationToken);
        Assert.False(await store.HoldsAsync("r1", TestContext.Current.CancellationToken));
        Assert.False(waiting.IsCompleted);
        await server.StartAsync();
        await waiting;
        Assert.Equal(2, await CountAsync(database));
    }

    private static DatabaseResults Open(string database) => DatabaseResults.InPostgres(database, NullLogger.Instance, TimeProvider.System);

    private static BulkResult Result(int number) => new($"r{number}", "{}"u8.ToArray());

    private static async Task<long> CountAsync(string database)
    {
        await using var connection = new NpgsqlConnection(database + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT count(*) FROM guardsharp_results", connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
