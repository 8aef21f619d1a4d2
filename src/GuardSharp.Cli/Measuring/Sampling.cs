using System.Diagnostics;

namespace GuardSharp.Cli.Measuring;

/// <summary>How long a measurement goes on: until enough samples were taken or the time is over, but at least one sample.</summary>
/// <param name="Rounds">Most samples.</param>
/// <param name="Seconds">Time after which no further sample is begun.</param>
internal sealed record Sampling(int Rounds, double Seconds)
{
    /// <summary>Takes samples, ascending.</summary>
    /// <param name="sample">Takes one, given its number; returns milliseconds, or what else is measured.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task<List<double>> TakeAsync(Func<int, Task<double>> sample, CancellationToken cancellationToken)
    {
        var samples = new List<double>();
        var started = Stopwatch.GetTimestamp();
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            samples.Add(await sample(samples.Count).ConfigureAwait(false));
        }
        while (samples.Count < Rounds && Stopwatch.GetElapsedTime(started).TotalSeconds < Seconds);

        samples.Sort();
        return samples;
    }

    /// <summary>The milliseconds that something takes.</summary>
    public static async Task<double> TimeAsync(Func<Task> work)
    {
        var started = Stopwatch.GetTimestamp();
        await work().ConfigureAwait(false);
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
