using System.Diagnostics;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>What something took.</summary>
/// <param name="Elapsed">On the clock.</param>
/// <param name="Processor">Of all threads together: other work on the machine hardly changes it, but threads that spin while they wait count.</param>
internal readonly record struct Cost(TimeSpan Elapsed, TimeSpan Processor)
{
    /// <summary>Runs something and measures this process.</summary>
    public static async Task<Cost> OfAsync(Func<Task> work)
    {
        var used = Environment.CpuUsage.TotalTime;
        var started = Stopwatch.GetTimestamp();
        await work();
        return new Cost(Stopwatch.GetElapsedTime(started), Environment.CpuUsage.TotalTime - used);
    }
}
