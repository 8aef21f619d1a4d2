using System.Data.Common;
using System.Diagnostics;
using GuardSharp.Server.Audit;
using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>A disk without room: SQLite's own refusal, and a real small file system.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_database_without_room_makes_decisions_wait_and_takes_them_when_there_is_room()
    {
        var dialect = new SmallDialect(new SqliteDialect(_folder["audit.db"], 5), pages: 40);
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("FlushMilliseconds", "5"), ("StoreContent", "true")), store: new SqlDecisionStore(dialect, TimeProvider.System));
        List<string> ids = [];
        for (var i = 0; i < 100; i++)
        {
            ids.Add(await host.RecordAsync(new string('x', 5000)));
        }

        await AuditHost.UntilAsync(() => host.Count("spilled") > 0 && host.Count("spilled") + host.Count("stored") == ids.Count);
        Assert.Contains(host.Log.Problems, line => line.Contains("full", StringComparison.Ordinal));
        dialect.Pages = 100_000;
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsSettled);
        Assert.Equal(ids.Order(), (await host.StoredIdsAsync()).Order());
    }

    [Fact]
    public async Task A_database_without_room_refuses_verdicts_that_must_be_recorded_first()
    {
        var dialect = new SmallDialect(new SqliteDialect(_folder["audit.db"], 5), pages: 40);
        await using var host = await AuditHost.StartAsync(AuditHost.Sqlite(_folder, ("Durability", "BeforeAnswer"), ("StoreContent", "true")), store: new SqlDecisionStore(dialect, TimeProvider.System));
        List<string> ids = [];
        await Assert.ThrowsAsync<AuditException>(async () =>
        {
            while (true)
            {
                ids.Add(await host.RecordAsync(new string('x', 5000)));
            }
        });
        Assert.NotEmpty(ids);
        Assert.Equal(ids, await host.StoredIdsAsync());
        dialect.Pages = 100_000;
        await AuditHost.UntilAsync(() => host.Get<StoreLink>().IsPresent);
        await host.RecordAsync();
    }

    [Fact]
    public async Task On_a_full_file_system_verdicts_go_on_losses_are_counted_and_room_ends_them()
    {
        Assert.SkipUnless(Environment.UserName == "root", "needs root to mount a small file system");
        var disk = Directory.CreateDirectory(_folder["disk"]).FullName;
        Assert.SkipUnless(await RunAsync("mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk) == 0, "needs the right to mount a small file system");
        try
        {
            await FillAsync(disk);
        }
        finally
        {
            await RunAsync("umount", "-l", disk);
        }
    }

    private static async Task FillAsync(string disk)
    {
        var ballast = Path.Combine(disk, "ballast");
        File.WriteAllBytes(ballast, new byte[200_000]);
        await using var host = await AuditHost.StartAsync([("Path", Path.Combine(disk, "audit.db")), ("FlushMilliseconds", "1"), ("StoreContent", "true")]);
        List<string> ids = [];
        while (host.Count("dropped") == 0)
        {
            ids.Add(await host.RecordAsync(new string('x', 5000)));
            await AuditHost.UntilAsync(() => host.Get<DecisionQueue>().Count == 0);
        }

        var link = host.Get<StoreLink>();
        Assert.True(link.IsFull);
        File.Delete(ballast);
        // Room for what waits, but not for twice as much: the file and the database both hold it for a moment.
        await RunAsync("mount", "-o", "remount,size=4m", disk);
        await AuditHost.UntilAsync(() => link.IsSettled && host.Get<DecisionQueue>().Count == 0);
        var id = await host.RecordAsync();
        await AuditHost.UntilAsync(async () => (await host.StoredIdsAsync()).Contains(id));
        Assert.Equal(ids.Count + 1, (await host.StoredIdsAsync()).Count + host.Count("dropped"));
        await host.StopAsync();
        Assert.Equal(host.Count("dropped"), (await host.Store.GapsAsync(default)).Sum(gap => gap.Count));
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    /// <summary>SQLite with a bound on its file, as a full disk is one.</summary>
    private sealed class SmallDialect(SqliteDialect dialect, int pages) : ISqlDialect
    {
        public int Pages { get; set; } = pages;

        public string Identity => dialect.Identity;

        public string Real => dialect.Real;

        public string Boolean => dialect.Boolean;

        public string? Turn => dialect.Turn;

        public async ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken)
        {
            var connection = await dialect.ConnectAsync(cancellationToken);
            await connection.RunAsync($"PRAGMA max_page_count={Pages}", cancellationToken);
            return connection;
        }

        public void ForgetConnections() => dialect.ForgetConnections();

        public bool IsFaultOfRow(DbException error) => dialect.IsFaultOfRow(error);

        public bool IsBrokenConnection(DbException error) => dialect.IsBrokenConnection(error);

        public ValueTask DisposeAsync() => dialect.DisposeAsync();
    }
}
