using System.CommandLine;
using System.Globalization;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.CommandLine;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Cli.Commands;

/// <summary><c>quantize</c>: a model folder to a smaller and faster one. Prints the folder.</summary>
internal static class QuantizeCommand
{
    private const long Megabyte = 1_000_000;

    // The mean squares of inputs settle within some thousand tokens.
    private const int MaxSamples = 256;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("quantize", "Writes a model folder with weights of eight or four bits. Weights are streamed: memory does not grow with the model.");
        var model = new Option<string?>("--model") { Description = "Folder of the model, or OWNER/NAME of a downloaded one. Default: guardsharp-tiny beside the program.", HelpName = "DIR" };
        var output = new Option<string>("--output") { Description = "Folder to write; it must not exist.", HelpName = "DIR", Required = true };
        var scheme = new Option<string>("--scheme") { Description = $"{string.Join(", ", QuantisationScheme.All.Select(one => one.Name))} (docs/models.md).", HelpName = "NAME", DefaultValueFactory = _ => QuantisationScheme.Int8.Name };
        var group = new Option<int?>("--group") { Description = "Inputs that share a scale of four-bit weights: 32 or 256. Default: the scheme's.", HelpName = "N" };
        var activations = new Option<string?>("--activations") { Description = "What products round to eight bits at a time: block (32 inputs, symmetric) or token (a row, asymmetric). Default: the scheme's.", HelpName = "NAME" };
        var samples = new Option<string?>("--samples") { Description = $"Rows of conversations like those to be judged: scales are chosen by the inputs that they use. At most {MaxSamples} are judged, with the source model.", HelpName = "FILE.jsonl[.gz]" };
        var threads = new Option<int>("--threads") { Description = "Threads that round. Default: all cores the process may use.", HelpName = "N" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        foreach (var option in (Option[])[model, output, scheme, group, activations, samples, threads, json])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var folder = parsed.GetValue(output)!.Trim().Length > 0 ? parsed.GetValue(output)! : throw new GuardException("--output is empty; it must be a name. Is a variable of the shell unset?");
            var (source, used) = (ModelOptions.FolderOf(parsed.GetValue(model)), ReadThreads(parsed.GetValue(threads)));
            var quantisation = new FolderQuantisation(source, ReadScheme(parsed.GetValue(scheme)!, parsed.GetValue(group), parsed.GetValue(activations)))
            {
                Threads = used,
                Importance = parsed.GetValue(samples) is { } file ? await MeasureAsync(terminal, source, file, used, cancellationToken).ConfigureAwait(false) : _ => null,
            };
            // On a thread of its own: Ctrl-C is listened to only when this lambda has returned.
            var record = await Task.Run(() => Run(terminal, quantisation, folder, cancellationToken), cancellationToken).ConfigureAwait(false);
            Report(terminal, folder, record, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<Func<string, float[]?>> MeasureAsync(Terminal terminal, string folder, string file, int threads, CancellationToken cancellationToken)
    {
        Conversation[] conversations = [.. SampleReader.Read(file, labelled: false).Take(MaxSamples).Select(sample => sample.Conversation)];
        if (conversations.Length == 0)
        {
            throw new GuardException($"{file}: there is no conversation in it. Give rows of {{\"messages\": [...]}}, or leave --samples out.");
        }

        using var line = new ProgressLine(terminal, "samples", TimeProvider.System);
        var importance = await InputImportance.MeasureAsync(
            folder, conversations, new GuardOptions { Threads = threads }, count => line.Report(new RowProgress(count, conversations.Length)), cancellationToken).ConfigureAwait(false);
        return importance.Of;
    }

    private static QuantisationScheme ReadScheme(string name, int? group, string? activations)
    {
        var scheme = QuantisationScheme.Find(name);
        return scheme with
        {
            Group = group switch
            {
                null => scheme.Group,
                StoredBlocks.BlockSize or StoredBlocks.BlockSize * StoredBlocks.BlocksPerGroup => group.Value,
                _ => throw new GuardException($"--group is {group}; it must be {StoredBlocks.BlockSize} or {StoredBlocks.BlockSize * StoredBlocks.BlocksPerGroup}."),
            },
            ActivationsPerToken = activations switch
            {
                null => scheme.ActivationsPerToken,
                "block" => false,
                "token" => true,
                _ => throw new GuardException($"--activations is \"{activations}\"; it must be block or token."),
            },
        };
    }

    private static int ReadThreads(int threads) => threads is >= 0 and <= 1024
        ? threads
        : throw new GuardException($"--threads is {threads}; it must be from 1 to 1024, or 0 for all cores.");

    private static QuantisationRecord Run(Terminal terminal, FolderQuantisation quantisation, string folder, CancellationToken cancellationToken)
    {
        using var line = new ProgressLine(terminal, "MB", TimeProvider.System);
        return quantisation.Run(folder, (done, total) => line.Report(new RowProgress(done / Megabyte, total / Megabyte)), cancellationToken);
    }

    private static void Report(Terminal terminal, string folder, QuantisationRecord record, bool json)
    {
        var bytes = new DirectoryInfo(folder).EnumerateFiles("*.safetensors").Sum(file => file.Length);
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("folder", Path.GetFullPath(folder));
                writer.WriteString("scheme", record.Scheme);
                writer.WriteNumber("bytes", bytes);
                writer.WriteNumber("relativeError", record.Error);
                writer.WriteString("worstTensor", record.Worst.Name);
                writer.WriteNumber("worstRelativeError", record.Worst.Error);
            });
            return;
        }

        terminal.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{DiskSpace.Show(bytes)} of weights, {record.Scheme}; relative error {record.Error:F4}, worst {record.Worst.Error:F4} in {record.Worst.Name}"));
        terminal.Out.WriteLine(Path.GetFullPath(folder));
    }
}
