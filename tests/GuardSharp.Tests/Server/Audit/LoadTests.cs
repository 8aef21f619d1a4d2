using System.Diagnostics;
using System.Globalization;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>Many callers at once, and what recording costs. For numbers (docs/audit.md) give it longer: <c>GUARDSHARP_LOAD_SECONDS=5</c>.</summary>
public sealed class LoadTests(PostgresServer postgres, ITestOutputHelper output) : IClassFixture<PostgresServer>, IDisposable
{
    private const int Callers = 64;

    private static readonly TimeSpan _time = TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable("GUARDSHARP_LOAD_SECONDS") ?? "0.3", CultureInfo.InvariantCulture));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Sqlite", "Buffered")]
    [InlineData("Sqlite", "BeforeAnswer")]
    [InlineData("PostgreSql", "Buffered")]
    [InlineData("PostgreSql", "BeforeAnswer")]
    public async Task What_many_callers_record_at_once_is_all_stored(string provider, string durability)
    {
        List<(string, string)> settings = provider == "Sqlite" ? AuditHost.Sqlite(_folder)
            : [("Provider", provider), ("ConnectionString", await postgres.NewDatabaseAsync()), ("SpillPath", _folder["state"])];
        await using var host = await AuditHost.StartAsync([.. settings, ("Durability", durability)]);
        var first = await AskAsync(host, _time / 5);
        var (before, cpu, clock) = (host.Faults.Commits, Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        var waits = await AskAsync(host, _time);
        var seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds;
        var busy = Environment.CpuUsage.TotalTime - cpu;
        waits.Sort();
        output.WriteLine(
            $"{provider} {durability}: {waits.Count / seconds:F0} decisions/s of {Callers} callers, {(host.Faults.Commits - before) / seconds:F0} commits/s, wait p50 {waits[waits.Count / 2]:F2} ms p99 {waits[waits.Count * 99 / 100]:F2} ms, "
            + $"{busy.TotalMicroseconds / waits.Count:F0} us of CPU a decision");
        await AuditHost.UntilAsync(() => host.Count("stored") == first.Count + waits.Count);
        Assert.Equal(first.Count + waits.Count, (await host.StoredIdsAsync()).Distinct().Count());
    }

    // Each caller asks 50 times a second at most, so that nothing overflows.
    private static async Task<List<double>> AskAsync(AuditHost host, TimeSpan time)
    {
        var end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        var waits = await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            var mine = new List<double>();
            while (Stopwatch.GetTimestamp() < end)
            {
                var started = Stopwatch.GetTimestamp();
                await host.RecordAsync("How do I bake bread?");
                mine.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                await Task.Delay(20);
            }

            return mine;
        })));
        return [.. waits.SelectMany(mine => mine)];
    }
}
