using System.CommandLine;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Cli.Commands;

/// <summary><c>model export</c>: a llama model as one GGUF file, for llama.cpp and what is built on it.</summary>
internal static class ModelExportCommand
{
    private const long Megabyte = 1_000_000;

    // Header and tokenizer.
    private const long OtherBytes = 16_000_000;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("export", "Writes Llama Guard 3 8B or 1B as one GGUF file, which llama.cpp reads. Prints the file.");
        var model = new Option<string>("--model") { Description = "Folder of the model, a GGUF file, or OWNER/NAME of a downloaded one.", HelpName = "DIR", Required = true };
        var output = new Option<string>("--output") { Description = "File to write; one that exists is replaced when the new one is whole.", HelpName = "FILE.gguf", Required = true };
        var type = new Option<string>("--type") { Description = $"How matrices are written: {string.Join(", ", GgufForm.Names)}.", HelpName = "TYPE", DefaultValueFactory = _ => "f16" };
        var pure = new Option<bool>("--pure") { Description = "With q4_0: the output head as well. Otherwise that is q8_0." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        foreach (var option in (Option[])[model, output, type, pure, json])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (source, file, form) = (parsed.GetValue(model)!, parsed.GetValue(output)!, ReadForm(parsed.GetValue(type)!, parsed.GetValue(pure)));
            // On a thread of its own: Ctrl-C is listened to only when this lambda has returned.
            var bytes = await Task.Run(() => Write(terminal, ModelOptions.FolderOf(source), file, form, cancellationToken), cancellationToken).ConfigureAwait(false);
            Report(terminal, file, bytes, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static GgufForm ReadForm(string name, bool pure)
    {
        var type = GgufForm.Parse(name) ?? throw new GuardException($"--type is \"{name}\"; it must be one of {string.Join(", ", GgufForm.Names)}.");
        return !pure || type == TensorType.Q40 ? new GgufForm(type, pure) : throw new GuardException("--pure goes with --type q4_0: the other types hold the output head anyway.");
    }

    private static long Write(Terminal terminal, string source, string file, GgufForm form, CancellationToken cancellationToken)
    {
        if (!file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
        {
            throw new GuardException($"--output is \"{file}\"; it must end in .gguf, or nothing would take it for a model.");
        }

        var config = ModelConfig.Read(source) as LlamaConfig
            ?? throw new GuardException($"{source}: only the llama architecture (Llama Guard 3 8B and 1B) is written as GGUF.");
        var tokenizer = ModelTokenizer.Load(source);
        if (!tokenizer.IsLlama3)
        {
            terminal.Error.WriteLine("note: this tokenizer cuts text otherwise than Llama 3's, which readers of the file will use. Their ids of ordinary text can differ.");
        }

        using var checkpoint = Checkpoint.Open(source);
        var ended = config with { EndIds = GenerationConfig.EndIds(source, config) };
        var export = new GgufExport(checkpoint, ended, form, ModelTokenizer.Listed(tokenizer, source), GuardManifest.Read(source));
        var bytes = export.Bytes;
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        if (DiskSpace.FreeBytes(folder) is var free && bytes + OtherBytes > free)
        {
            throw new GuardException($"{file}: the model takes {DiskSpace.Show(bytes + OtherBytes)}, but the disk has {DiskSpace.Show(free)} free. Choose a smaller type or another disk.");
        }

        using var line = new ProgressLine(terminal, "MB", TimeProvider.System);
        var done = 0L;
        export.Write(file, count => line.Report(new RowProgress((done += count) / Megabyte, bytes / Megabyte)), cancellationToken);
        return new FileInfo(file).Length;
    }

    private static void Report(Terminal terminal, string file, long bytes, bool json)
    {
        if (json)
        {
            JsonOutput.Write(terminal.Out, writer =>
            {
                writer.WriteNumber("schema", 1);
                writer.WriteString("file", Path.GetFullPath(file));
                writer.WriteNumber("bytes", bytes);
            });
            return;
        }

        terminal.Error.WriteLine(DiskSpace.Show(bytes));
        terminal.Out.WriteLine(Path.GetFullPath(file));
    }
}
