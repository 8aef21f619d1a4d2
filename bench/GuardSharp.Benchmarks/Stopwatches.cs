using System.Diagnostics;

namespace GuardSharp.Benchmarks;

/// <summary>Measures several contestants in turn, round by round, so that a noisy machine treats all alike.</summary>
internal static class Stopwatches
{
    /// <summary>Prints a line per contestant: median and best time, speed, the median of the speeds relative to the first contestant's in the same round, and the same by processor time.</summary>
    /// <remarks>Processor time (all threads of the process) hardly changes when other processes take the cores away; wall time does.</remarks>
    /// <param name="title">Printed above.</param>
    /// <param name="rounds">Rounds after one that does not count.</param>
    /// <param name="contestants">Name, floating point operations of a call, the call.</param>
    public static void Compare(string title, int rounds, IReadOnlyList<(string Name, double Operations, Action Call)> contestants)
    {
        var times = contestants.Select(_ => new double[rounds]).ToArray();
        var processorTimes = contestants.Select(_ => new double[rounds]).ToArray();
        using var pause = new ManualResetEventSlim();
        for (var round = -1; round < rounds; round++)
        {
            for (var c = 0; c < contestants.Count; c++)
            {
                // Worker threads of the one before may still spin.
                pause.Wait(20);
                var call = contestants[c].Call;
                var repeats = Repeats(contestants[c].Operations);
                var used = Environment.CpuUsage.TotalTime;
                var start = Stopwatch.GetTimestamp();
                for (var i = 0; i < repeats; i++) call();
                if (round >= 0)
                {
                    times[c][round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds / repeats;
                    processorTimes[c][round] = (Environment.CpuUsage.TotalTime - used).TotalMilliseconds / repeats;
                }
            }
        }

        Console.WriteLine($"{title}\n| | median ms | best ms | median GFLOP/s | best GFLOP/s | speed / first | GFLOP per processor second | the same / first |\n|---|---|---|---|---|---|---|---|");
        for (var c = 0; c < contestants.Count; c++)
        {
            var (name, operations, _) = contestants[c];
            var (median, best) = (Median(times[c]), times[c].Min());
            var (ratio, processorRatio) = (Ratio(times, c), Ratio(processorTimes, c));
            Console.WriteLine($"| {name} | {median:F3} | {best:F3} | {operations / median / 1e6:F0} | {operations / best / 1e6:F0} | {ratio:F2} | {operations / Median(processorTimes[c]) / 1e6:F0} | {processorRatio:F2} |");
        }

        double Ratio(double[][] all, int contestant) =>
            Median([.. all[contestant].Select((time, round) => contestants[contestant].Operations / time * all[0][round] / contestants[0].Operations)]);
    }

    /// <summary>Calls per measurement: about 2 ms and more.</summary>
    private static int Repeats(double operations) => (int)Math.Clamp(4e8 / operations, 1, 200);

    private static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
