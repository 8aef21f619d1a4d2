using GuardSharp.Server.Audit;
using GuardSharp.Server.Audit.Recording;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>Recording into a PostgreSQL that goes away and comes back.</summary>
public sealed class PostgresTests(PostgresServer postgres) : IClassFixture<PostgresServer>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task While_the_database_is_down_verdicts_go_on_and_afterwards_each_decision_is_there_once()
    {
        await using var host = await StartAsync("Buffered");
        List<string> ids = [];
        for (var i = 0; i < 300; i++)
        {
            ids.Add(await host.RecordAsync());
            if (i == 100)
            {
                await AuditHost.UntilAsync(() => host.Count("stored") > 0);
                await postgres.CrashAsync();
            }

            if (i == 200)
            {
                await AuditHost.UntilAsync(() => host.Count("spilled") > 0);
                await postgres.StartAsync();
            }
        }

        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsSettled);
        ids.Add(await host.RecordAsync());
        await AuditHost.UntilAsync(async () => (await host.StoredIdsAsync()).Count >= ids.Count);
        Assert.Equal(ids.Order(), (await host.StoredIdsAsync()).Order());
        Assert.Equal(0, host.Count("dropped"));
        await host.StopAsync();
        Assert.Empty(await host.Store.GapsAsync(default));
    }

    [Fact]
    public async Task A_server_started_while_the_database_is_down_records_to_disk_until_it_is_up()
    {
        var database = await postgres.NewDatabaseAsync();
        await postgres.CrashAsync();
        await using var host = await StartAsync("Buffered", database);
        var id = await host.RecordAsync();
        await AuditHost.UntilAsync(() => host.Count("spilled") == 1);
        await postgres.StartAsync();
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsSettled);
        Assert.Equal([id], await host.StoredIdsAsync());
    }

    [Fact]
    public async Task Before_answering_a_database_that_is_down_refuses_verdicts_until_it_is_up()
    {
        await using var host = await StartAsync("BeforeAnswer");
        List<string> ids = [await host.RecordAsync()];
        await postgres.CrashAsync();
        await Assert.ThrowsAsync<AuditException>(() => host.RecordAsync());
        await postgres.StartAsync();
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsPresent);
        ids.Add(await host.RecordAsync());
        Assert.Equal(ids, await host.StoredIdsAsync());
    }

    [Fact]
    public async Task Connections_that_died_while_nobody_asked_cost_no_verdict()
    {
        await using var host = await StartAsync("BeforeAnswer");
        List<string> ids = [await host.RecordAsync()];
        await postgres.CrashAsync();
        await postgres.StartAsync();
        ids.Add(await host.RecordAsync());
        Assert.Equal(ids, await host.StoredIdsAsync());
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_told_at_the_start()
    {
        await postgres.NewDatabaseAsync();
        var error = await Assert.ThrowsAsync<AuditException>(() => StartAsync("Buffered", postgres.ConnectionString("nowhere")));
        Assert.Contains("nowhere", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_string_that_is_none_is_told_without_repeating_it()
    {
        var error = await Assert.ThrowsAsync<AuditException>(() => StartAsync("Buffered", "Hots=db;Password=secret"));
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    private async Task<AuditHost> StartAsync(string durability, string? database = null) => await AuditHost.StartAsync(
    [
        ("Provider", "PostgreSql"),
        ("ConnectionString", database ?? await postgres.NewDatabaseAsync()),
        ("SpillPath", _folder["state"]),
        ("Durability", durability),
        ("FlushMilliseconds", "5"),
    ]);
}
