using System.CommandLine;
using GuardSharp.Checkpoints;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Hub;

namespace GuardSharp.Cli.Commands;

/// <summary><c>model download</c>: a repository of the hub to a folder of its cache. Prints the folder.</summary>
internal static class ModelDownloadCommand
{
    private const long Megabyte = 1_000_000;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("download", "Downloads a model from the Hugging Face hub and prints its folder. Goes on where an earlier run stopped.");
        var repository = new Argument<string>("REPO") { Description = "Repository, such as meta-llama/Llama-Guard-3-1B." };
        var revision = new Option<string>("--revision") { Description = "Branch, tag or commit.", HelpName = "REV", DefaultValueFactory = _ => "main" };
        var include = new Option<string[]>("--include") { Description = "Fetch only files that match, with * and ? (repeatable). Default: what GuardSharp reads.", HelpName = "PATTERN" };
        var exclude = new Option<string[]>("--exclude") { Description = "Leave out files that match (repeatable).", HelpName = "PATTERN" };
        var offline = new Option<bool>("--offline") { Description = "Fetch nothing; print the folder of what is there." };
        var cache = new Option<string?>("--cache") { Description = "Folder of the cache. Default: HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub.", HelpName = "DIR" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        command.Add(repository);
        foreach (var option in (Option[])[revision, include, exclude, offline, cache, json])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new DownloadRequest
            {
                Revision = parsed.GetValue(revision)!,
                Include = parsed.GetValue(include) ?? [],
                Exclude = parsed.GetValue(exclude) ?? [],
            };
            var options = HubOptions.FromEnvironment().With(parsed.GetValue(cache), parsed.GetValue(offline));
            var model = await DownloadAsync(terminal, options, parsed.GetValue(repository)!, request, cancellationToken).ConfigureAwait(false);
            Write(terminal, parsed.GetValue(repository)!, model, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<DownloadedModel> DownloadAsync(
        Terminal terminal, HubOptions options, string repository, DownloadRequest request, CancellationToken cancellationToken)
    {
        using var hub = new ModelHub(options);
        using var line = new ProgressLine(terminal, "MB", TimeProvider.System);
        return await hub.DownloadAsync(repository, request, new Watcher(line), cancellationToken).ConfigureAwait(false);
    }

    private static void Write(Terminal terminal, string repository, DownloadedModel model, bool json)
    {
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("repository", repository);
                writer.WriteString("commit", model.Commit);
                writer.WriteString("folder", model.Folder);
                writer.WriteNumber("downloadedBytes", model.DownloadedBytes);
                writer.WriteTexts("files", model.Files);
            });
            return;
        }

        terminal.Error.WriteLine($"{repository} at {model.Commit[..12]}: {model.Files.Count} files, {DiskSpace.Show(model.DownloadedBytes)} fetched");
        terminal.Out.WriteLine(model.Folder);
    }

    // Not Progress<T>: that one would report after the line is gone.
    private sealed class Watcher(ProgressLine line) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            if (value.Note is { } note)
            {
                line.Note("note: " + note);
            }

            line.Report(new RowProgress(value.Done / Megabyte, value.Total / Megabyte));
        }
    }
}
