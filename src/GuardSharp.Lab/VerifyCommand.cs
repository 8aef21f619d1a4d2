using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Models.Verification;
using GuardSharp.Torch;

namespace GuardSharp.Lab;

/// <summary><c>verify</c>: recorded tensors of the reference against ours, on the Torch backend or on the CPU backend.</summary>
internal static class VerifyCommand
{
    // Relative to the largest entry of a gradient (tests/golden/README.md, "Tolerances").
    private const float GradientTolerance = 1e-3f;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("verify", "Runs a golden case and prints the largest difference of every recorded tensor. Exit code 1 past the tolerance.");
        var model = new Option<string>("--model") { Description = "Folder of the model.", HelpName = "DIR", Required = true };
        var adapter = ModelOptions.Adapter();
        var golden = new Option<string>("--case") { Description = "Inputs and recorded tensors.", HelpName = "FILE.safetensors", Required = true };
        var tolerance = new Option<string?>("--tolerance") { Description = "Largest difference allowed; ids must be equal. Default 1e-4.", HelpName = "X" };
        var gradients = new Option<bool>("--gradients") { Description = "The case holds gradients for pixels, one-hot tokens and embeddings: differences relative to the largest entry, default 1e-3." };
        foreach (var option in (Option[])[model, adapter, golden, tolerance, gradients])
        {
            command.Add(option);
        }

        var backend = new BackendOptions();
        backend.AddTo(command);

        command.SetAction(parsed =>
        {
            var (folder, file, differentiate) = (parsed.GetValue(model)!, parsed.GetValue(golden)!, parsed.GetValue(gradients));
            var limit = differentiate && parsed.GetValue(tolerance) is null ? GradientTolerance : Verification.ReadTolerance(parsed.GetValue(tolerance));
            if (differentiate && parsed.GetValue(adapter) is not null)
            {
                throw new GuardException("--gradients are recorded of models without an adapter. Leave one of them out.");
            }

            using var waiting = new WaitLine(terminal, "verifying");
            var comparisons = differentiate
                ? GradientVerification.Run(folder, file, backend.ReadTorchDevice(parsed, "--gradients"))
                : ModelVerification.Run(folder, file, backend.Read(parsed, threads: 0), parsed.GetValue(adapter));
            return Verification.Print(terminal.Out, comparisons, limit);
        });
        return command;
    }
}
