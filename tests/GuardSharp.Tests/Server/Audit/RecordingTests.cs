using GuardSharp.Server.Audit;
using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>What is recorded, when, and what becomes of it when the process or the store goes away.</summary>
public sealed class RecordingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Nothing_is_recorded_unless_a_store_is_named()
    {
        await using var host = await AuditHost.StartAsync([]);
        Assert.IsType<NoDecisionLog>(host.Decisions);
        var error = await host.GetAsync("/v1/audit/decisions", System.Net.HttpStatusCode.NotFound);
        Assert.Equal("audit_off", error.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("BeforeAnswer")]
    [InlineData("Buffered")]
    public async Task A_clean_shutdown_stores_every_decision_once_and_leaves_no_gap(string durability)
    {
        List<string> ids = [];
        await using (var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", durability))))
        {
            ids.AddRange(await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => host.RecordAsync()))));
        }

        await using var next = await AuditHost.StartAsync(AuditHost.Sqlite(_folder));
        Assert.Equal(ids.Order(), (await next.StoredIdsAsync()).Order());
        Assert.Empty(await next.Store.GapsAsync(default));
        Assert.Equal([next.Get<RunFolder>().Current.Start.Run], (await next.Store.OpenRunsAsync(default)).Select(run => run.Run));
        Assert.Empty(next.Log.Problems);
    }

    [Fact]
    public async Task Before_an_answer_leaves_its_decision_is_in_the_file()
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", "BeforeAnswer")));
        var id = await host.RecordAsync();
        Assert.Equal([id], await host.StoredIdsAsync());
    }

    [Fact]
    public async Task Decisions_that_wait_together_share_a_commit()
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", "BeforeAnswer")));
        host.Faults.Hang();
        var first = host.RecordAsync();
        await AuditHost.UntilAsync(() => host.Get<DecisionQueue>().Count == 0);
        var others = Enumerable.Range(0, 500).Select(_ => host.RecordAsync()).ToArray();
        host.Faults.Resume();
        await Task.WhenAll([first, .. others]);
        Assert.Equal(2, host.Faults.Commits);
        Assert.Equal(501, (await host.StoredIdsAsync()).Count);
    }

    [Fact]
    public async Task What_cannot_be_recorded_before_the_answer_is_not_answered()
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", "BeforeAnswer")));
        host.Faults.Away();
        await Assert.ThrowsAsync<AuditException>(() => host.RecordAsync());
        await Assert.ThrowsAsync<AuditException>(() => host.RecordAsync());
        Assert.False(host.Get<StoreLink>().IsPresent);
        host.Faults.Back();
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsPresent);
        var id = await host.RecordAsync();
        Assert.Equal([id], await host.StoredIdsAsync());
    }

    [Fact]
    public async Task While_the_store_is_away_decisions_wait_on_disk_and_come_into_it_once()
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("FlushMilliseconds", "5")));
        var link = host.Get<StoreLink>();
        List<string> ids = [await host.RecordAsync()];
        await AuditHost.UntilAsync(async () => (await host.StoredIdsAsync()).Count == 1);
        host.Faults.Away();
        for (var i = 0; i < 600; i++)
        {
            ids.Add(await host.RecordAsync());
        }

        await AuditHost.UntilAsync(() => host.Count("spilled") == 600);
        Assert.False(link.IsPresent);
        host.Faults.Back();
        await AuditHost.UntilAsync(() => link.IsSettled);
        ids.Add(await host.RecordAsync());
        await AuditHost.UntilAsync(async () => (await host.StoredIdsAsync()).Count >= ids.Count);
        Assert.Equal(ids.Order(), (await host.StoredIdsAsync()).Order());
        Assert.Equal((2, 600, 0), (host.Count("stored"), host.Count("replayed"), host.Count("dropped")));
        Assert.Equal(0, link.SpillBytes);
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.jsonl", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Spilled_decisions_of_a_killed_process_are_stored_by_the_next()
    {
        List<string> ids = [];
        await using (var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("FlushMilliseconds", "5"))))
        {
            host.Faults.Away();
            for (var i = 0; i < 20; i++)
            {
                ids.Add(await host.RecordAsync());
            }

            await AuditHost.UntilAsync(() => host.Count("spilled") == 20);
            host.Kill();
        }

        await using var next = await AuditHost.StartAsync(AuditHost.Sqlite(_folder));
        await AuditHost.UntilAsync(() => next.Get<StoreLink>().IsSettled);
        Assert.Equal(ids.Order(), (await next.StoredIdsAsync()).Order());
        Assert.Empty(await next.Store.GapsAsync(default));
    }

    [Fact]
    public async Task The_gap_report_of_a_killed_process_names_exactly_what_is_missing()
    {
        List<string> stored = [];
        await using (var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("FlushMilliseconds", "1"))))
        {
            for (var i = 0; i < 30; i++)
            {
                stored.Add(await host.RecordAsync());
            }

            await AuditHost.UntilAsync(async () => (await host.StoredIdsAsync()).Count == 30);
            host.Faults.Hang();
            for (var i = 0; i < 17; i++)
            {
                await host.RecordAsync();
            }

            host.Kill();
        }

        await using var next = await AuditHost.StartAsync(AuditHost.Sqlite(_folder));
        await AuditHost.UntilAsync(() => next.Get<StoreLink>().IsSettled);
        var gap = Assert.Single(await next.Store.GapsAsync(default));
        Assert.Equal((31, 47, 17), (gap.First, gap.Last, gap.Count));
        Assert.NotNull(gap.After);
        Assert.Null(gap.Before);
        Assert.Contains(next.Log.Problems, line => line.Contains("lost 17 decisions, numbers 31 to 47", StringComparison.Ordinal));
        Assert.Equal(stored.Order(), (await next.StoredIdsAsync()).Order());
        var report = await next.GetAsync("/v1/audit/gaps");
        Assert.Equal(17, report.GetProperty("missing").GetInt64());
    }

    [Fact]
    public async Task A_kill_under_BeforeAnswer_leaves_gaps_that_were_never_answered()
    {
        await using (var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", "BeforeAnswer"))))
        {
            await host.RecordAsync();
            host.Faults.Hang();
            var waiting = host.RecordAsync();
            Assert.False(waiting.IsCompleted);
            host.Kill();
            host.Faults.Release();
            await Assert.ThrowsAsync<AuditException>(() => waiting);
        }

        await using var next = await AuditHost.StartAsync(AuditHost.Sqlite(_folder));
        await AuditHost.UntilAsync(() => next.Get<StoreLink>().IsSettled);
        var report = await next.GetAsync("/v1/audit/gaps");
        Assert.Equal(0, report.GetProperty("missing").GetInt64());
        Assert.False(Assert.Single(report.GetProperty("gaps").EnumerateArray()).GetProperty("answered").GetBoolean());
    }

    [Fact]
    public async Task When_the_spill_file_is_full_decisions_are_dropped_counted_and_told_and_verdicts_go_on()
    {
        await using (var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("FlushMilliseconds", "1"), ("MaxSpillBytes", "4000"))))
        {
            host.Faults.Away();
            for (var i = 0; i < 50; i++)
            {
                await host.RecordAsync();
            }

            var link = host.Get<StoreLink>();
            await AuditHost.UntilAsync(() => link.IsFull && host.Get<DecisionQueue>().Count == 0);
            Assert.InRange(link.SpillBytes, 1, 4000);
            Assert.Contains(host.Log.Problems, line => line.StartsWith("Decisions are being lost", StringComparison.Ordinal));
            host.Faults.Back();
            await AuditHost.UntilAsync(() => link.IsSettled);
            var stored = (await host.StoredIdsAsync()).Count;
            Assert.Equal(50, stored + link.Dropped);
            Assert.InRange(stored, 1, 49);
            await host.StopAsync();
            var missing = (await host.Store.GapsAsync(default)).Sum(gap => gap.Count);
            Assert.Equal(link.Dropped, missing);
        }
    }

    [Fact]
    public async Task Retention_deletes_what_is_older_than_its_days()
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", "BeforeAnswer"), ("RetentionDays", "30")));
        var now = TimeProvider.System.GetUtcNow();
        await host.RecordAsync(time: now.AddDays(-31));
        var kept = await host.RecordAsync(time: now.AddDays(-29));
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsSettled);
        await host.Get<IEnumerable<Microsoft.Extensions.Hosting.IHostedService>>().OfType<RetentionJob>().Single().DeleteAsync(default);
        Assert.Equal([kept], await host.StoredIdsAsync());
    }

    [Theory]
    [InlineData("Durabilty", "BeforeAnswer", "Durabilty")]
    [InlineData("Durability", "Always", "Always")]
    [InlineData("FlushMilliseconds", "1000", "FlushMilliseconds")]
    [InlineData("HashKey", "c2hvcnQ=", "HashKey")]
    [InlineData("Provider", "PostgreSql", "ConnectionString")]
    public async Task A_setting_that_means_nothing_stops_the_start(string name, string value, string told)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => AuditHost.StartAsync(AuditHost.Sqlite(_folder, (name, value))));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.True(error is AuditException or Microsoft.Extensions.Options.OptionsValidationException, error.ToString());
    }

    [Fact]
    public async Task A_store_that_cannot_be_made_is_told_at_the_start()
    {
        var path = Path.Combine(_folder.Path, "file");
        File.WriteAllText(path, "");
        var error = await Assert.ThrowsAsync<AuditException>(() => AuditHost.StartAsync([("Path", Path.Combine(path, "audit.db")), ("SpillPath", _folder.Path)]));
        Assert.Contains("audit.db", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tables_of_a_later_version_are_left_alone()
    {
        await using (await AuditHost.StartAsync(AuditHost.Sqlite(_folder)))
        {
        }

        await using (var connection = await new SqliteDialect(Path.Combine(_folder.Path, "audit.db"), 5).ConnectAsync(default))
        {
            await connection.RunAsync("UPDATE audit_schema SET version = 99", default);
        }

        var error = await Assert.ThrowsAsync<AuditException>(() => AuditHost.StartAsync(AuditHost.Sqlite(_folder)));
        Assert.Contains("version 99", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_servers_own_user_may_read_what_the_audit_writes()
    {
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("FlushMilliseconds", "1"), ("StoreContent", "true")));
        await host.RecordAsync();
        await AuditHost.UntilAsync(async () => (await host.StoredIdsAsync()).Count == 1);
        host.Faults.Away();
        await host.RecordAsync();
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().SpillBytes > 0);
        var files = Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories);
        Assert.Contains(files, file => file.EndsWith("hash.key", StringComparison.Ordinal));
        Assert.Contains(files, file => file.EndsWith(".jsonl", StringComparison.Ordinal));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal([UnixFileMode.UserRead | UnixFileMode.UserWrite], files.Select(File.GetUnixFileMode).Distinct());
        }

        host.Faults.Back();
    }
}
