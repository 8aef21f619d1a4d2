using GuardSharp.CommandLine;
using GuardSharp.Lab.FineTuning.Runs;

namespace GuardSharp.Lab.FineTuning;

/// <summary><c>guardsharp-lab train</c> with the recipe sft.</summary>
internal static class FineTuneCommand
{
    /// <summary>Runs a configuration to its end.</summary>
    public static void Run(SftConfig config, bool resume, Terminal terminal, CancellationToken cancellation)
    {
        if (BarProgress.IsPossible(terminal))
        {
            BarProgress.Run(terminal, TimeProvider.System, Train);
        }
        else
        {
            Train(new LineProgress(terminal, TimeProvider.System));
        }

        void Train(ITrainingProgress progress) => new SftSession(config, progress).Run(resume, cancellation);
    }
}
