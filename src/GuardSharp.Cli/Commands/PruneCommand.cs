using System.CommandLine;
using GuardSharp.Checkpoints.Pruning;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Cli.Commands;

/// <summary><c>prune</c>: a model to a smaller one. Prints the folder.</summary>
internal static class PruneCommand
{
    private const long Megabyte = 1_000_000;
    private const string Experts = "dense-experts";
    private const string Small = "small";

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("prune", "Writes a smaller model, which has to be trained again (docs/pruning.md). Weights are streamed: memory does not grow with the model.");
        var model = new Option<string>("--model") { Description = "Folder of the model, or OWNER/NAME of a downloaded one.", HelpName = "DIR", Required = true };
        var output = new Option<string>("--output") { Description = "Folder to write; it must not exist.", HelpName = "DIR", Required = true };
        var recipe = new Option<string>("--recipe")
        {
            Description = $"{Experts}: a mixture of experts (llama4, such as Llama 4 Scout) to a dense model, the shared expert stays. {Small}: fewer layers, neurons and answers of a dense model (llama, llama4).",
            HelpName = "NAME",
            DefaultValueFactory = _ => Experts,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        foreach (var option in (Option[])[model, output, recipe])
        {
            command.Add(option);
        }

        var small = new SmallPruning(terminal).AddTo(command);
        command.Add(json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var folder = parsed.GetValue(output)!.Trim().Length > 0 ? parsed.GetValue(output)! : throw new GuardException("--output is empty; it must be a name. Is a variable of the shell unset?");
            var source = ModelOptions.FolderOf(parsed.GetValue(model));
            switch (parsed.GetValue(recipe))
            {
                case Small:
                    await small.RunAsync(parsed, source, folder, parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
                    break;
                case Experts when small.IsMentioned(parsed) is { } option:
                    throw new GuardException($"{option} goes with --recipe {Small}; --recipe {Experts} has nothing to choose.");
                case Experts:
                    // On a thread of its own: Ctrl-C is listened to only when this lambda has returned.
                    Report(terminal, folder, await Task.Run(() => Run(terminal, new ExpertPruning(source), folder, cancellationToken), cancellationToken).ConfigureAwait(false), parsed.GetValue(json));
                    break;
                case var other:
                    throw new GuardException($"--recipe is \"{other}\"; it must be {Experts} or {Small}.");
            }

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
