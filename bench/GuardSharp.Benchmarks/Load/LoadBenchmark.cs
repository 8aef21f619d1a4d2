using System.Diagnostics;
using System.Globalization;
using System.Text;
using GuardSharp.Conversations;

namespace GuardSharp.Benchmarks.Load;

/// <summary>The server under load: a process of its own, many connections on loopback, each with one request at a time and never a pause.</summary>
/// <remarks>Beside it the guard alone in this process, 64 conversations at a time: what HTTP and the rest of the server cost is the difference in processor time.</remarks>
internal sealed class LoadBenchmark(string executable, string model, int seconds, int connections, IReadOnlyList<string> settings)
{
    private const int WarmUpSeconds = 5;
    private const int Parts = 10;

    /// <summary>Runs both and prints a table.</summary>
    public async Task RunAsync()
    {
        await using var server = await ServerProcess.StartAsync(executable, model, settings);
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections }) { BaseAddress = server.Address };
        var next = 0;
        string Body() => $$"""{"messages":[{"role":"user","content":"{{Text(Interlocked.Increment(ref next))}}"}]}""";
        await new LoadRun(client, Body).RunAsync(TimeSpan.FromSeconds(WarmUpSeconds), connections);

        Console.WriteLine("| seconds | answered | verdicts/s | server CPU s | server resident MB |");
        Console.WriteLine("|---|---|---|---|---|");
        var run = new LoadRun(client, Body);
        var (cpu, since) = (server.ProcessorTime, Stopwatch.GetTimestamp());
        for (var part = 1; part <= Parts; part++)
        {
            var before = run.Accepted;
            await run.RunAsync(TimeSpan.FromSeconds((double)seconds / Parts), connections);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {Stopwatch.GetElapsedTime(since).TotalSeconds:0} | {run.Accepted} | {(run.Accepted - before) * Parts / (double)seconds:0} | {(server.ProcessorTime - cpu).TotalSeconds:0.0} | {server.ResidentBytes / 1e6:0.0} |"));
        }

        var perSecond = run.Accepted / (server.ProcessorTime - cpu).TotalSeconds;
        Console.WriteLine();
        Console.WriteLine(run.Summary());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"server: {perSecond:0} verdicts per CPU second"));
        var exit = await server.StopAsync();
        Console.WriteLine($"server ended with {exit}");
        var alone = await AloneAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"guard alone, 64 at a time: {alone:0} verdicts per CPU second; the server reaches {perSecond / alone:0.00} of it"));
    }

    private async Task<double> AloneAsync()
    {
        await using var guard = GuardClassifier.Load(model);
        var next = 0;
        Task JudgeAsync(int count) => guard.ClassifyAsync(Enumerable.Range(0, count).Select(_ => Conversation.OfUser(Text(next++))).ToList());
        for (var i = 0; i < 20; i++)
        {
            await JudgeAsync(64);
        }

        using var process = Process.GetCurrentProcess();
        var (cpu, done, started) = (process.TotalProcessorTime, 0, Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < Math.Min(seconds, 20))
        {
            await JudgeAsync(64);
            done += 64;
        }

        process.Refresh();
        return done / (process.TotalProcessorTime - cpu).TotalSeconds;
    }

    // Each differs from its beginning on, so that no cache knows more of it than the policy.
    private static string Text(int number) => $"{number}: How do I bake bread number {number % 64} for a party of {(number % 64) + 2} guests without an oven?";
}

/// <summary>Connections that send one request after the other, and what they saw.</summary>
internal sealed class LoadRun(HttpClient client, Func<string> body)
{
    private readonly Lock _lock = new();
    private readonly List<double> _milliseconds = [];
    private readonly SortedDictionary<string, int> _others = new(StringComparer.Ordinal);

    /// <summary>Verdicts.</summary>
    public int Accepted
    {
        get
        {
            lock (_lock)
            {
                return _milliseconds.Count;
            }
        }
    }

    /// <summary>Sends for a while.</summary>
    public Task RunAsync(TimeSpan time, int connections)
    {
        var end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        return Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(() => SendAsync(end))));
    }

    /// <summary>Times of what was accepted, and how often anything else came back.</summary>
    public string Summary()
    {
        _milliseconds.Sort();
        double At(double share) => _milliseconds[(int)(_milliseconds.Count * share)];
        var others = _others.Count == 0 ? "nothing else" : string.Join(", ", _others.Select(other => $"{other.Value} x {other.Key}"));
        return string.Create(CultureInfo.InvariantCulture,
            $"{_milliseconds.Count} verdicts, {others}; ms: p50 {At(0.5):0.0}, p90 {At(0.9):0.0}, p99 {At(0.99):0.0}, p99.9 {At(0.999):0.0}, max {_milliseconds[^1]:0.0}; p99 is {At(0.99) / At(0.5):0.0} x p50");
    }

    private async Task SendAsync(long end)
    {
        while (Stopwatch.GetTimestamp() < end)
        {
            var started = Stopwatch.GetTimestamp();
            string outcome;
            try
            {
                using var content = new StringContent(body(), Encoding.UTF8, "application/json");
                using var response = await client.PostAsync("/v1/guard/classify", content);
                await response.Content.ReadAsByteArrayAsync();
                outcome = response.IsSuccessStatusCode ? "" : ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
            }
            catch (HttpRequestException error)
            {
                outcome = error.HttpRequestError.ToString();
            }

            lock (_lock)
            {
                if (outcome.Length == 0)
                {
                    _milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                }
                else
                {
                    _others[outcome] = _others.GetValueOrDefault(outcome) + 1;
                }
            }
        }
    }
}
