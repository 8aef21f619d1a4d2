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
        var next = 0;
        for (var i = 0; i < WarmUp; i++)
        {
            await guard.ClassifyAsync(Question(next++));
        }

        await OneByOneAsync(guard, () => Question(next++), count);
        foreach (var batch in new[] { 1, 8, 32, 64 })
        {
            await InBatchesAsync(guard, () => Question(next++), count, batch);
        }
    }

    /// <summary>Whether memory and speed stay what they are: verdicts 32 at a time, a line for each tenth.</summary>
    /// <param name="model">The model folder.</param>
    /// <param name="count">Classifications.</param>
    /// <param name="threads">Threads of the kernels; 0: all.</param>
    public static async Task RunFlatAsync(string model, int count, int threads)
    {
        const int Batch = 32;
        await using var guard = GuardClassifier.Load(model, new GuardOptions { Threads = threads });
        PrintHead();
        var next = 0;
        for (var part = 1; part <= 10; part++)
        {
            var (since, before) = (Stopwatch.GetTimestamp(), next);
            while (next < (long)count * part / 10)
            {
                await guard.ClassifyAsync(Enumerable.Range(0, Batch).Select(_ => Question(next++)).ToList());
            }

            PrintMemory(next, (next - before) / Stopwatch.GetElapsedTime(since).TotalSeconds);
        }
    }

    // Each differs from its beginning on, so that no cache knows more of it than the policy.
    private static Conversation Question(int number) => Conversation.OfUser(
        $"{number}: How do I bake bread number {number % 64} for a party of {(number % 64) + 2} guests without an oven?");

    private static async Task OneByOneAsync(GuardClassifier guard, Func<Conversation> next, int count)
    {
        var times = new double[count];
        var part = Math.Max(count / 10, 1);
        PrintHead();
        var since = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await guard.ClassifyAsync(next());
            times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if ((i + 1) % part == 0)
            {
                PrintMemory(i + 1, part / Stopwatch.GetElapsedTime(since).TotalSeconds);
                since = Stopwatch.GetTimestamp();
            }
        }

        Array.Sort(times);
        Console.WriteLine();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"time to verdict, ms: p50 {times[count / 2]:0.00}, p95 {times[count * 95 / 100]:0.00}, p99 {times[count * 99 / 100]:0.00} (n = {count})"));
    }

    private static async Task InBatchesAsync(IGuard guard, Func<Conversation> next, int count, int batch)
    {
        var started = Stopwatch.GetTimestamp();
        var done = 0;
        for (; done < count; done += batch)
        {
            await guard.ClassifyAsync(Enumerable.Range(0, batch).Select(_ => next()).ToList());
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{batch} at a time: {done / Stopwatch.GetElapsedTime(started).TotalSeconds:0} verdicts/s"));
    }

    private static void PrintHead()
    {
        Console.WriteLine("| classifications | verdicts/s since the last line | resident MB | managed MB |");
        Console.WriteLine("|---|---|---|---|");
    }

    private static void PrintMemory(int classified, double speed)
    {
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"| {classified} | {speed:0} | {process.WorkingSet64 / 1e6:0.0} | {GC.GetTotalMemory(forceFullCollection: false) / 1e6:0.0} |"));
    }
}
