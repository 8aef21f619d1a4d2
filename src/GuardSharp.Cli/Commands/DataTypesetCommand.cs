using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Typesetting;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data typeset</c>: labelled prompts as pictures of their text.</summary>
internal static class DataTypesetCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("typeset", "Writes labelled prompts as pictures of their text, safe and unsafe ones: rows to measure attacks and defences of pictures on.");
        var input = new Argument<string>("file") { Description = "Labelled rows, JSON Lines plain or gzip, or Parquet.", HelpName = "FILE" };
        var output = new Option<string?>("--output") { Description = $"Folder for {TypesetRows.RowsFile} and images.", HelpName = "DIR" };
        var rows = new Option<int>("--rows") { Description = "Rows of each class, at most.", HelpName = "N", DefaultValueFactory = _ => 300 };
        var seed = new Option<int>("--seed") { Description = "Seed of the draw.", DefaultValueFactory = _ => 1 };
        var json = DataCommand.Json();
        command.Add(input);
        foreach (var option in (Option[])[output, rows, seed, json])
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellationToken) =>
        {
            var folder = parsed.GetValue(output) ?? throw new GuardException("Say where the rows go with --output DIR.");
            var count = parsed.GetValue(rows) is var most and >= 1 ? most : throw new GuardException($"--rows is {parsed.GetValue(rows)}; it must be at least 1.");
            (int Safe, int Unsafe) written;
            using (new WaitLine(terminal, "typesetting"))
            {
                written = TypesetRows.Write(parsed.GetValue(input)!, folder, count, (ulong)(uint)parsed.GetValue(seed), cancellationToken);
            }

            if (parsed.GetValue(json))
            {
                JsonOutput.Write(terminal.Out, document =>
                {
                    document.WriteNumber("schema", 1);
                    document.WriteString("output", folder);
                    document.WriteNumber("safe", written.Safe);
                    document.WriteNumber("unsafe", written.Unsafe);
                });
            }
            else
            {
                terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.Combine(folder, TypesetRows.RowsFile)}: {written.Safe} safe and {written.Unsafe} unsafe rows"));
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }
}
