using System.CommandLine;
using System.Globalization;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Tokenization;

namespace GuardSharp.Cli.Commands;

/// <summary><c>model synthesize</c>: a folder of true dimensions with random weights, to measure loading, memory and speed without the real ones.</summary>
internal static class ModelSynthesizeCommand
{
    private const long Megabyte = 1_000_000;

    // Beside the weights: a tokenizer of some megabytes, JSON files.
    private const long OtherBytes = 32_000_000;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("synthesize", "Writes a model folder of true dimensions with random weights, for tests of loading, memory and speed. Every verdict of it says so.");
        var name = new Argument<string>("NAME") { Description = $"Size: {string.Join(", ", PublishedModel.All.Select(model => model.Name))}." };
        var output = new Option<string>("--output") { Description = "Folder to write; it must not exist.", HelpName = "DIR", Required = true };
        var text = new Option<int?>("--text-layers") { Description = "Layers of the language model, at true width. Default: all.", HelpName = "N" };
        var vision = new Option<int?>("--vision-layers") { Description = "Layers of the vision encoder, at true width. Default: all.", HelpName = "N" };
        var shard = new Option<string>("--shard-size") { Description = "Most bytes of a file of weights, such as 5GB or 500MB.", HelpName = "SIZE", DefaultValueFactory = _ => "5GB" };
        var seed = new Option<int>("--seed") { Description = "The same seed gives the same folder.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var scheme = new Option<string?>("--scheme") { Description = $"Quantise on the way: {string.Join(", ", QuantisationScheme.All.Select(one => one.Name))}. Default: bfloat16.", HelpName = "NAME" };
        var tokenizer = new Option<string?>("--tokenizer") { Description = "tokenizer.json or tokenizer.model to copy. Default: one of our own with the true number of tokens.", HelpName = "FILE" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        command.Add(name);
        foreach (var option in (Option[])[output, text, vision, shard, seed, scheme, tokenizer, json])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var published = PublishedModel.Find(parsed.GetValue(name)!);
            var model = SyntheticModel.Of(published, parsed.GetValue(text), parsed.GetValue(vision));
            model.ShardBytes = ReadSize(parsed.GetValue(shard)!);
            model.Seed = parsed.GetValue(seed);
            model.Scheme = parsed.GetValue(scheme) is { } quantised ? QuantisationScheme.Find(quantised) : null;
            var folder = NotEmpty("--output", parsed.GetValue(output))!;
            // On a thread of its own: Ctrl-C is listened to only when this lambda has returned.
            await Task.Run(() => Write(terminal, published, model, folder, NotEmpty("--tokenizer", parsed.GetValue(tokenizer)), cancellationToken), cancellationToken).ConfigureAwait(false);
            Report(terminal, folder, model.Bytes, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>A number of bytes such as <c>5GB</c>.</summary>
    /// <exception cref="GuardException">It is none, or below a megabyte.</exception>
    internal static long ReadSize(string text)
    {
        var (unit, digits) = text.ToUpperInvariant() switch
        {
            var size when size.EndsWith("GB", StringComparison.Ordinal) => (1000 * Megabyte, size[..^2]),
            var size when size.EndsWith("MB", StringComparison.Ordinal) => (Megabyte, size[..^2]),
            var size => (1L, size),
        };
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 1_000_000_000_000 / unit && number * unit >= Megabyte
            ? number * unit
            : throw new GuardException($"--shard-size is \"{text}\"; it must be a size from 1MB to 1000GB, such as 5GB.");
    }

    private static string? NotEmpty(string option, string? path) =>
        path is null || path.Trim().Length > 0 ? path : throw new GuardException($"{option} is empty; it must be a name. Is a variable of the shell unset?");

    private static void Write(Terminal terminal, PublishedModel published, SyntheticModel model, string folder, string? tokenizer, CancellationToken cancellationToken)
    {
        var bytes = model.Bytes;
        if (DiskSpace.FreeBytes(folder) is var free && bytes + OtherBytes > free)
        {
            throw new GuardException($"{folder}: the model takes {DiskSpace.Show(bytes + OtherBytes)}, but the disk has {DiskSpace.Show(free)} free. Choose fewer layers or another disk.");
        }

        using var pending = new PendingFolder(folder);
        WriteTokenizer(published, tokenizer, pending.Path);
        using (var line = new ProgressLine(terminal, "MB", TimeProvider.System))
        {
            var (done, total) = (0L, model.SourceBytes);
            model.Write(pending.Path, count => line.Report(new RowProgress((done += count) / Megabyte, total / Megabyte)), cancellationToken);
        }

        pending.Commit();
    }

    private static void WriteTokenizer(PublishedModel published, string? file, string folder)
    {
        if (file is not null)
        {
            // Read before the weights are made: a wrong file is told in a second.
            TokenizerFile.Load(file);
            var isJson = Path.GetExtension(file).Equals(".json", StringComparison.OrdinalIgnoreCase);
            File.Copy(file, Path.Combine(folder, isJson ? TokenizerFile.HuggingFaceName : TokenizerFile.TiktokenName));
            return;
        }

        var (ordinary, specials) = published.Config() switch
        {
            Llama4Config => SyntheticTokenizer.Llama4,
            MllamaConfig => SyntheticTokenizer.Llama3Vision,
            _ => SyntheticTokenizer.Llama3,
        };
        var basis = File.ReadAllBytes(Path.Combine(GuardClassifier.DefaultModelFolder, TokenizerFile.HuggingFaceName));
        ReplacedFile.Write(Path.Combine(folder, TokenizerFile.HuggingFaceName), stream => SyntheticTokenizer.Write(stream, basis, ordinary, specials));
    }

    private static void Report(Terminal terminal, string folder, long bytes, bool json)
    {
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("folder", Path.GetFullPath(folder));
                writer.WriteNumber("bytes", bytes);
            });
            return;
        }

        terminal.Error.WriteLine($"{DiskSpace.Show(bytes)} of random weights");
        terminal.Out.WriteLine(Path.GetFullPath(folder));
    }
}
