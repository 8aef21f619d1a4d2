using System.CommandLine;
using GuardSharp.CommandLine;

namespace GuardSharp.Lab.Training;

/// <summary><c>guardsharp-lab train --config FILE [--resume]</c>: everything from the rows to the finished model folder.</summary>
internal static class TrainCommand
{
    /// <summary>The command.</summary>
    public static Command Create(Terminal terminal)
    {
        var config = new Option<FileInfo>("--config") { Description = "The training configuration (docs/training.md).", Required = true };
        var resume = new Option<bool>("--resume") { Description = "Go on from the output folder's state." };
        var command = new Command("train", "Trains guardsharp-tiny and writes its model folder.") { config, resume };
        command.SetAction((arguments, cancellation) =>
        {
            // The loop owns its thread: scopes of torch belong to threads, so nothing may await inside.
            new TrainingSession(TrainingConfig.Read(arguments.GetRequiredValue(config).FullName), Report).Run(arguments.GetValue(resume), cancellation);
            return Task.FromResult(0);
        });
        return command;

        void Report(string line) => terminal.Error.WriteLine($"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}");
    }
}
