using System.CommandLine;
using GuardSharp.Checkpoints.Pruning;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Cli.Commands;

/// <summary><c>prune</c>: a mixture of experts to a dense model. Prints the folder.</summary>
internal static class PruneCommand
{
    private const long Megabyte = 1_000_000;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("prune", "Writes a mixture of experts (llama4, such as Llama 4 Scout) as a dense model: the shared expert stays. It has to be trained again. Weights are streamed: memory does not grow with the model.");
        var model = new Option<string>("--model") { Description = "Folder of the model, or OWNER/NAME of a downloaded one.", HelpName = "DIR", Required = true };
        var output = new Option<string>("--output") { Description = "Folder to write; it must not exist.", HelpName = "DIR", Required = true };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        command.Add(model);
        command.Add(output);
        command.Add(json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var folder = parsed.GetValue(output)!.Trim().Length > 0 ? parsed.GetValue(output)! : throw new GuardException("--output is empty; it must be a name. Is a variable of the shell unset?");
            var pruning = new ExpertPruning(ModelOptions.FolderOf(parsed.GetValue(model)));
            // On a thread of its own: Ctrl-C is listened to only when this lambda has returned.
            var record = await Task.Run(() => Run(terminal, pruning, folder, cancellationToken), cancellationToken).ConfigureAwait(false);
            Report(terminal, folder, record, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static ExpertPruningRecord Run(Terminal terminal, ExpertPruning pruning, string folder, CancellationToken cancellationToken)
    {
        using var line = new ProgressLine(terminal, "MB", TimeProvider.System);
        return pruning.Run(folder, (done, total) => line.Report(new RowProgress(done / Megabyte, total / Megabyte)), cancellationToken);
    }

    private static void Report(Terminal terminal, string folder, ExpertPruningRecord record, bool json)
    {
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("folder", Path.GetFullPath(folder));
                writer.WriteStartObject("renamed");
                foreach (var (before, after) in record.Renamed)
                {
                    writer.WriteString(before, after);
                }

                writer.WriteEndObject();
                writer.WriteTexts("dropped", record.Dropped);
                writer.WriteNumber("unchanged", record.Unchanged);
            });
            return;
        }

        terminal.Error.WriteLine($"{record.Renamed.Count} tensors of shared experts renamed, {record.Dropped.Count} of routed experts and routers dropped, {record.Unchanged} unchanged");
        terminal.Out.WriteLine(Path.GetFullPath(folder));
    }
}
