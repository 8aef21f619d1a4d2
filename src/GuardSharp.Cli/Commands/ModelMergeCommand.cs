using System.CommandLine;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Cli.Commands;

/// <summary><c>model merge</c>: a model and a LoRA adapter to one model. Prints the folder.</summary>
internal static class ModelMergeCommand
{
    private const long Megabyte = 1_000_000;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("merge", "Writes a model whose weights hold a LoRA adapter. Weights are streamed: memory does not grow with the model. Prints the folder.");
        var model = new Option<string>("--model") { Description = "Folder of the base in F32, F16 or BF16, or OWNER/NAME of a downloaded one.", HelpName = "DIR", Required = true };
        var adapter = new Option<string>("--adapter") { Description = "Folder of the LoRA adapter, in PEFT's form (docs/adapters.md).", HelpName = "DIR", Required = true };
        var output = new Option<string>("--output") { Description = "Folder to write; it must not exist.", HelpName = "DIR", Required = true };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        foreach (var option in (Option[])[model, adapter, output, json])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var folder = parsed.GetValue(output)!.Trim().Length > 0 ? parsed.GetValue(output)! : throw new GuardException("--output is empty; it must be a name. Is a variable of the shell unset?");
            var (source, added) = (ModelOptions.FolderOf(parsed.GetValue(model)), parsed.GetValue(adapter)!);
            // On a thread of its own: Ctrl-C is listened to only when this lambda has returned.
            var modules = await Task.Run(() => Run(terminal, source, added, folder, cancellationToken), cancellationToken).ConfigureAwait(false);
            Report(terminal, folder, modules, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static int Run(Terminal terminal, string source, string added, string folder, CancellationToken cancellationToken)
    {
        using var adapter = Adapter.Open(added);
        using var line = new ProgressLine(terminal, "MB", TimeProvider.System);
        return new AdapterMerge(source, adapter).Run(folder, (done, total) => line.Report(new RowProgress(done / Megabyte, total / Megabyte)), cancellationToken);
    }

    private static void Report(Terminal terminal, string folder, int modules, bool json)
    {
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("folder", Path.GetFullPath(folder));
                writer.WriteNumber("modules", modules);
            });
            return;
        }

        terminal.Error.WriteLine($"{modules} matrices changed");
        terminal.Out.WriteLine(Path.GetFullPath(folder));
    }
}
