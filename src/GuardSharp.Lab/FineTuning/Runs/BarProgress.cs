using GuardSharp.CommandLine;
using Spectre.Console;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>A bar on standard error where a person watches: share, loss, rate, time left. Notes stand above it.</summary>
internal sealed class BarProgress : ITrainingProgress
{
    // Ten drawings a second are enough for an eye.
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole _console;
    private readonly ProgressContext _context;
    private readonly ProgressTask _bar;
    private readonly TimeProvider _clock;
    private readonly RateMeter _rates = new();
    private long _drawn;

    private BarProgress(IAnsiConsole console, ProgressContext context, TimeProvider clock)
    {
        (_console, _context, _clock) = (console, context, clock);
        _bar = context.AddTask("loading", autoStart: true);
    }

    /// <summary>Whether such a bar can be drawn: a person watches, on a terminal that moves its cursor.</summary>
    public static bool IsPossible(Terminal terminal) => terminal.ErrorIsTerminal && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Draws while an action runs, on the thread that calls: torch's scopes belong to it.</summary>
    public static void Run(Terminal terminal, TimeProvider clock, Action<ITrainingProgress> action)
    {
        var coloured = Environment.GetEnvironmentVariable("NO_COLOR") is null or "";
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = coloured ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(terminal.Error),
        });
        console.Profile.Width = terminal.Width;
        console.Profile.Capabilities.Unicode = true;
        console.Progress().AutoRefresh(false)
            .Columns(new ProgressBarColumn { Width = 24 }, new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context => action(new BarProgress(console, context, clock)));
    }

    /// <inheritdoc/>
    public void Step(StepReport step)
    {
        _rates.Add(step);
        if (step.Step != step.Steps && _drawn != 0 && _clock.GetElapsedTime(_drawn) < _pause)
        {
            return;
        }

        _drawn = _clock.GetTimestamp();
        _bar.MaxValue = step.Steps;
        _bar.Value = step.Step;
        _bar.Description = Markup.Escape(FormattableString.Invariant(
            $"{step.Step}/{step.Steps}  loss {_rates.Loss:F4}  {_rates.TokensPerSecond:F0} tokens/s  {_rates.Left(step)} left"));
        _context.Refresh();
    }

    /// <inheritdoc/>
    public void Note(string line)
    {
        _console.WriteLine(line.ReplaceLineEndings(" "));
        _context.Refresh();
    }
}
