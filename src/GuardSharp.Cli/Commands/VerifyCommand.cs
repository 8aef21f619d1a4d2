using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Models.Verification;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Cli.Commands;

/// <summary><c>verify</c>: recorded tensors of the reference against ours, on the CPU backend.</summary>
internal static class VerifyCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("verify", "Runs a golden case and prints the largest difference of every recorded tensor. Exit code 1 past the tolerance.");
        var model = new Option<string>("--model") { Description = "Folder of the model.", HelpName = "DIR", Required = true };
        var adapter = ModelOptions.Adapter();
        var golden = new Option<string>("--case") { Description = "Inputs and recorded tensors.", HelpName = "FILE.safetensors", Required = true };
        var tolerance = new Option<string?>("--tolerance") { Description = "Largest absolute difference allowed; ids must be equal. Default 1e-4.", HelpName = "X" };
        var threads = new Option<int>("--threads") { Description = "Threads of the matrix kernels. Default: all cores the process may use.", HelpName = "N" };
        var keyValues = ModelOptions.KeyValues();
        foreach (var option in (Option[])[model, adapter, golden, tolerance, threads, keyValues])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var limit = Verification.ReadTolerance(parsed.GetValue(tolerance));
            using var waiting = new WaitLine(terminal, "verifying");
            var type = ModelOptions.ReadKeyValues(parsed.GetValue(keyValues)) ?? KeyValueType.F32;
            var comparisons = ModelVerification.Run(
                parsed.GetValue(model)!, parsed.GetValue(golden)!, weights => (new CpuOps(parsed.GetValue(threads), keyValues: type), weights), parsed.GetValue(adapter));
            return Verification.Print(terminal.Out, comparisons, limit);
        });
        return command;
    }
}
