using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using GuardSharp.Tests.Cli;
using Microsoft.Data.Sqlite;

namespace GuardSharp.Tests.Server.Bulk;

/// <summary>Workers as processes, killed while they judge: every message has its result, and one.</summary>
/// <remarks>GUARDSHARP_BULK_DRILL=10000,3,20 (messages, workers, kills) runs the whole of it; docs/scaling.md has the numbers.</remarks>
public sealed class BulkDrillTests(RabbitBroker broker) : IClassFixture<RabbitBroker>
{
    [Fact]
    public async Task Workers_that_are_killed_lose_no_message_and_double_no_result()
    {
        int[] drill = [.. (Environment.GetEnvironmentVariable("GUARDSHARP_BULK_DRILL") ?? "300,2,4").Split(',').Select(number => int.Parse(number, CultureInfo.InvariantCulture))];
        var (messages, workers, kills) = (drill[0], drill[1], drill[2]);
        using var folder = new TemporaryFolder();
        var table = folder["results.db"];
        await using var queues = await BrokerQueues.OpenAsync(broker);
        var running = Enumerable.Range(0, workers).Select(_ => Start(queues, table)).ToList();
        try
        {
            var started = Stopwatch.GetTimestamp();
            // The first worker to be there makes the queue.
            await running[0].Ready;
            for (var i = 0; i < messages; i++)
                await queues.PublishAsync(Message(i));
            for (var kill = 1; kill <= kills; kill++)
            {
                await ReachAsync(table, messages * kill / (kills + 2));
                var victim = running[0].Process;
                victim.Kill();
                await victim.WaitForExitAsync(TestContext.Current.CancellationToken);
                victim.Dispose();
                running.RemoveAt(0);
                running.Add(Start(queues, table));
            }

            await ReachAsync(table, messages);
            var elapsed = Stopwatch.GetElapsedTime(started);
            var results = BulkResultTable.Read(table);
            Assert.Equal(messages, results.Count);
            Assert.All(Enumerable.Range(0, messages), i => Assert.Contains($"m{i}", results.Keys));
            Assert.All(results.Take(100), result => Assert.Equal(result.Key, Id(result.Value)));
            Assert.Equal(0u, await queues.CountAsync(queues.Dead));
            foreach (var (worker, ready) in running)
            {
                // One that was just started does not listen to signals yet.
                await ready;
                Assert.Equal(0, await StopAsync(worker));
            }

            Assert.Equal(0u, await queues.CountAsync(queues.Work));
            TestContext.Current.TestOutputHelper?.WriteLine($"{messages} messages, {workers} workers, {kills} kills: {elapsed.TotalSeconds:0.0} s, {messages / elapsed.TotalSeconds:0} results a second");
        }
        finally
        {
            foreach (var (worker, _) in running.Where(worker => !worker.Process.HasExited))
                worker.Kill();
            SqliteConnection.ClearAllPools();
        }
    }

    private static (Process Process, Task Ready) Start(BrokerQueues queues, string table)
    {
        string[] settings = [.. queues.Settings().Where(pair => pair.Key != "GuardSharp:Worker:Results").SelectMany(pair => new[] { "--set", $"{pair.Key}={pair.Value}" })];
        var worker = ProcessTests.Start([], ["worker", "--results", $"sqlite:{table}", .. settings]);
        // What it says on its way must not fill the pipe.
        worker.OutputDataReceived += (_, _) => { };
        worker.BeginOutputReadLine();
        return (worker, ReadyAsync(worker));
    }

    private static async Task ReadyAsync(Process worker)
    {
        while (await worker.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (line == "taking messages")
                return;
        }

        // It was killed before it came so far.
    }

    private static async Task ReachAsync(string table, long count)
    {
        while (BulkResultTable.Count(table) < count)
            await Task.Delay(20, TestContext.Current.CancellationToken);
    }

    private static async Task<int> StopAsync(Process worker)
    {
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {worker.Id}"]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
        return worker.ExitCode;
    }

    private static string Message(int number) =>
        JsonSerializer.Serialize(new { id = $"m{number}", messages = new[] { new { role = "user", content = $"What is the way to the {number}. house of the street?" } } });

    private static string Id(string result)
    {
        using var document = JsonDocument.Parse(result);
        return document.RootElement.GetProperty("id").GetString()!;
    }
}
