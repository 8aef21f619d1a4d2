using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;
using GuardSharp.Tests.Cli;

namespace GuardSharp.Tests.Server.Audit;

/// <summary><c>guardsharp serve</c>, really killed (SIGKILL) under load, again and again on the same store.</summary>
/// <remarks>
/// A kill does not empty the operating system's page cache, so this is no proof for a power cut; against that stand the forced commits. More rounds:
/// <c>GUARDSHARP_KILL_ROUNDS=100</c>.
/// </remarks>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Connections = 8;

    private static readonly int _rounds = int.Parse(Environment.GetEnvironmentVariable("GUARDSHARP_KILL_ROUNDS") ?? "3", CultureInfo.InvariantCulture);

    private readonly TemporaryFolder _folder = new();
    private readonly Random _random = new(5);

    private string Database => _folder["audit.db"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Under_BeforeAnswer_every_answered_decision_is_in_the_store()
    {
        var answered = 0;
        for (var round = 0; round < _rounds; round++)
        {
            var ids = await RoundAsync("BeforeAnswer");
            var stored = (await StoredAsync()).Select(row => row.Id).ToHashSet();
            Assert.Empty(ids.Keys.Except(stored));
            answered += ids.Count;
        }

        Assert.True(answered > _rounds);
        output.WriteLine($"{_rounds} kills, {answered} answered, all of them in the store");
    }

    [Fact]
    public async Task Under_Buffered_the_gap_report_matches_what_is_missing()
    {
        var (answered, lost, missing, oldest) = (0, 0, 0L, TimeSpan.Zero);
        var known = new HashSet<string>();
        for (var round = 0; round < _rounds; round++)
        {
            var ids = await RoundAsync("Buffered");
            var file = Directory.GetFiles(Database + ".state", "*.run").Single();
            var run = Path.GetFileNameWithoutExtension(file);
            var taken = long.Parse(File.ReadLines(file).First(), CultureInfo.InvariantCulture);
            await EndAsync();
            var rows = await StoredAsync();
            var stored = rows.Where(row => row.Run == run).ToArray();
            var gap = (await GapsAsync()).Where(gap => gap.Run == run).Sum(gap => gap.Count);
            var unheard = ids.ExceptBy(rows.Select(row => row.Id), id => id.Key).ToArray();
            Assert.Equal(taken - stored.Length, gap);
            // Besides what was answered and is missing, only what was on its way to a client can be missing.
            Assert.InRange(gap, unheard.Length, unheard.Length + Connections);
            Assert.True(known.Add(run));
            (answered, lost, missing) = (answered + ids.Count, lost + unheard.Length, missing + gap);
            oldest = unheard.Length == 0 ? oldest : TimeSpan.FromTicks(Math.Max(oldest.Ticks, unheard.Max(id => id.Value.Ticks)));
        }

        output.WriteLine($"{_rounds} kills, {answered} answered, {lost} of them lost, {missing} told as missing; the oldest that was lost had been answered {oldest.TotalMilliseconds:F0} ms before the kill");
    }

    /// <summary>Starts a server, lets clients ask until it is killed, and returns the ids they got, each with its age at the kill.</summary>
    private async Task<Dictionary<string, TimeSpan>> RoundAsync(string durability)
    {
        using var server = Start(durability, out var started);
        var ids = new ConcurrentDictionary<string, long>();
        using var client = new HttpClient { BaseAddress = await started };
        var asking = Enumerable.Range(0, Connections).Select(_ => Task.Run(() => AskAsync(client, ids))).ToArray();
        long killed;
        try
        {
            await AuditHost.UntilAsync(() => ids.Count > Connections || server.HasExited);
            await Task.Delay(_random.Next(20, 1000), TestContext.Current.CancellationToken);
        }
        finally
        {
            killed = Stopwatch.GetTimestamp();
            server.Kill();
        }

        await server.WaitForExitAsync(TestContext.Current.CancellationToken);
        await Task.WhenAll(asking);
        return ids.ToDictionary(id => id.Key, id => Stopwatch.GetElapsedTime(id.Value, killed));
    }

    private static async Task AskAsync(HttpClient client, ConcurrentDictionary<string, long> ids)
    {
        while (true)
        {
            try
            {
                using var answer = await client.PostAsJsonAsync(new Uri("/v1/moderations", UriKind.Relative), new { input = "How do I bake bread?" }, TestContext.Current.CancellationToken);
                if (answer.IsSuccessStatusCode)
                {
                    var body = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
                    ids[body.GetProperty("id").GetString()!] = Stopwatch.GetTimestamp();
                }
                else
                {
                    // The models are still being loaded.
                    await Task.Delay(20, TestContext.Current.CancellationToken);
                }
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                return;
            }
        }
    }

    // The next start finds what is missing; this one is ended properly.
    private async Task EndAsync()
    {
        using var server = Start("Buffered", out var started);
        using var client = new HttpClient { BaseAddress = await started };
        await AuditHost.UntilAsync(() => Directory.GetFiles(Database + ".state", "*.run").Length == 1);
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {server.Id}"]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await server.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, server.ExitCode);
        Assert.Empty(Directory.GetFiles(Database + ".state", "*.run"));
    }

    private Process Start(string durability, out Task<Uri> started)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs signals");
        var process = ProcessTests.Start([], "serve", "--urls", "http://127.0.0.1:0", "--audit", Database, "--set", $"GuardSharp:Audit:Durability={durability}", "--set", "GuardSharp:Audit:FlushMilliseconds=200");
        var address = new TaskCompletionSource<Uri>();
        var text = new ConcurrentQueue<string>();
        process.ErrorDataReceived += (_, line) =>
        {
            text.Enqueue(line.Data ?? "(end)");
            if (line.Data?.StartsWith("listening on ", StringComparison.Ordinal) == true)
            {
                address.TrySetResult(new Uri(line.Data["listening on ".Length..]));
            }
            else if (line.Data is null)
            {
                address.TrySetException(new InvalidOperationException(string.Join('\n', text)));
            }
        };
        process.BeginErrorReadLine();
        started = address.Task;
        return process;
    }

    private async Task<List<DecisionRow>> StoredAsync()
    {
        await using var store = new SqlDecisionStore(new SqliteDialect(Database, 30), TimeProvider.System);
        return [.. (await store.ListAsync(new DecisionQuery { Limit = int.MaxValue }, TestContext.Current.CancellationToken)).Select(decision => decision.Row)];
    }

    private async Task<IReadOnlyList<Gap>> GapsAsync()
    {
        await using var store = new SqlDecisionStore(new SqliteDialect(Database, 30), TimeProvider.System);
        return await store.GapsAsync(TestContext.Current.CancellationToken);
    }
}
