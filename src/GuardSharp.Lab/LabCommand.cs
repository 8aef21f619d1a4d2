using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Lab.Attacks;
using GuardSharp.Lab.Distillation;
using GuardSharp.Lab.Training;

namespace GuardSharp.Lab;

/// <summary>The root of guardsharp-lab: it wires the commands and holds no logic.</summary>
internal static class LabCommand
{
    /// <summary>Runs one command line; exit codes as for guardsharp.</summary>
    public static Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        var root = CommandFrame.Root("guardsharp-lab", "Trains, verifies and attacks guards on TorchSharp, and judges with them.");
        foreach (var command in (Command[])[ClassifyCommand.Create(terminal, new BackendOptions()), TrainCommand.Create(terminal), DistillCommand.Create(terminal), AttackCommand.Create(terminal), VerifyCommand.Create(terminal)])
        {
            root.Add(command);
        }

        return CommandFrame.RunAsync(root, args, terminal, cancellationToken);
    }
}
