using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Lab.Training.Vision;
using GuardSharp.Torch;

namespace GuardSharp.Lab.Training;

/// <summary><c>guardsharp-lab train --config FILE [--resume]</c>: everything from the rows to the finished model folder.</summary>
internal static class TrainCommand
{
    /// <summary>The command.</summary>
    public static Command Create(Terminal terminal)
    {
        var config = new Option<FileInfo>("--config") { Description = "The training configuration (docs/training.md).", Required = true };
        var resume = new Option<bool>("--resume") { Description = "Go on from the output folder's state." };
        var visionOnly = new Option<bool>("--vision-only") { Description = "Leave the text stage out: the output folder holds its model." };
        var steps = new Option<int?>("--steps") { Description = "Stop after so many steps of the whole schedule, without a model: to compare losses." };
        var command = new Command("train", "Trains guardsharp-tiny and writes its model folder.") { config, resume, visionOnly, steps };
        command.SetAction((arguments, cancellation) =>
        {
            LibTorchFolder.LoadNamed();
            // The loop owns its thread: scopes of torch belong to threads, so nothing may await inside.
            var run = TrainingConfig.Read(arguments.GetRequiredValue(config).FullName);
            if (!arguments.GetValue(visionOnly))
                new TrainingSession(run, Report).Run(arguments.GetValue(resume), cancellation, arguments.GetValue(steps));
            if (run.Vision is { } vision && arguments.GetValue(steps) is null && !cancellation.IsCancellationRequested)
            {
                using var session = new VisionSession(run, vision, Report);
                session.Run(arguments.GetValue(resume), cancellation);
            }

            return Task.FromResult(0);
        });
        return command;

        void Report(string line) => terminal.Error.WriteLine($"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}");
    }
}
