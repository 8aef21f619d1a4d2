using GuardSharp.CommandLine;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Plain lines on standard error, for files and pipes: the first step, then one every few seconds, and the last.</summary>
/// <param name="terminal">Where they go.</param>
/// <param name="clock">Tells the time.</param>
internal sealed class LineProgress(Terminal terminal, TimeProvider clock) : ITrainingProgress
{
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(5);

    private readonly RateMeter _rates = new();
    private long _last;

    /// <inheritdoc/>
    public void Step(StepReport step)
    {
        _rates.Add(step);
        if (_last == 0 || step.Step == step.Steps || clock.GetElapsedTime(_last) >= _pause)
        {
            _last = clock.GetTimestamp();
            Note(FormattableString.Invariant(
                $"step {step.Step} of {step.Steps}: loss {_rates.Loss:F4}, rate {step.Rate:G3}, {_rates.TokensPerSecond:F0} tokens/s, {_rates.Left(step)} left"));
        }
    }

    /// <inheritdoc/>
    public void Note(string line) => terminal.Error.WriteLine($"{clock.GetLocalNow():HH:mm:ss} {line.ReplaceLineEndings(" ")}");
}
