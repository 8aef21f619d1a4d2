using System.Diagnostics;
using System.Globalization;
using GuardSharp.Conversations;

namespace GuardSharp.Benchmarks;

/// <summary>Time to verdict, verdicts per second and memory of a guard in a running process.</summary>
internal static class VerdictBenchmark
{
    private const int WarmUp = 50;

    /// <param name="model">The model folder.</param>
    /// <param name="count">Classifications, one after the other, and again many at a time.</param>
    /// <param name="threads">Threads of the kernels; 0: all.</param>
    public static async Task RunAsync(string model, int count, int threads)
    {
        await using var guard = GuardClassifier.Load(model, new GuardOptions { Threads = threads });
        var conversations = Enumerable.Range(0, 64).Select(i => Conversation.OfUser(
            $"How do I bake bread number {i} for a party of {i + 2} guests without an oven?")).ToList();
        for (var i = 0; i < WarmUp; i++)
        {
            await guard.ClassifyAsync(conversations[i % conversations.Count]);
        }

        await OneByOneAsync(guard, conversations, count);
        foreach (var batch in new[] { 1, 8, 32 })
        {
            await InBatchesAsync(guard, conversations, count, batch);
        }
    }

    private static async Task OneByOneAsync(GuardClassifier guard, List<Conversation> conversations, int count)
    {
        var times = new double[count];
        Console.WriteLine("| classifications | resident MB | managed MB |");
        Console.WriteLine("|---|---|---|");
        for (var i = 0; i < count; i++)
        {
            if (i % Math.Max(count / 5, 1) == 0)
            {
                PrintMemory(i);
            }

            var started = Stopwatch.GetTimestamp();
            await guard.ClassifyAsync(conversations[i % conversations.Count]);
            times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        PrintMemory(count);
        Array.Sort(times);
        Console.WriteLine();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"time to verdict, ms: p50 {times[count / 2]:0.00}, p95 {times[count * 95 / 100]:0.00}, p99 {times[count * 99 / 100]:0.00} (n = {count})"));
    }

    private static async Task InBatchesAsync(IGuard guard, List<Conversation> conversations, int count, int batch)
    {
        var started = Stopwatch.GetTimestamp();
        for (var done = 0; done < count; done += batch)
        {
            await guard.ClassifyAsync(Enumerable.Range(done, batch).Select(i => conversations[i % conversations.Count]).ToList());
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{batch} at a time: {count / Stopwatch.GetElapsedTime(started).TotalSeconds:0} verdicts/s"));
    }

    private static void PrintMemory(int classified)
    {
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"| {classified} | {process.WorkingSet64 / 1e6:0.0} | {GC.GetTotalMemory(forceFullCollection: false) / 1e6:0.0} |"));
    }
}
