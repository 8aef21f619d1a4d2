using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data convert</c>: rows in another form.</summary>
internal static class DataConvertCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("convert", "Writes rows in another form: JSON Lines, plain or gzip, or Parquet, told by the name. Every field stays.");
        var input = new Argument<string>("in") { Description = "Rows, JSON Lines plain or gzip, or Parquet.", HelpName = "IN" };
        var output = new Argument<string>("out") { Description = "The file to write.", HelpName = "OUT.jsonl[.gz]|OUT.parquet" };
        var images = new Option<string>("--images") { Description = "Where pictures go: paths (files beside the rows) or embed (into the Parquet file).", HelpName = "NAME", DefaultValueFactory = _ => "paths" };
        var json = DataCommand.Json();
        command.Add(input);
        command.Add(output);
        command.Add(images);
        command.Add(json);
        command.SetAction((parsed, cancellationToken) =>
        {
            var embed = parsed.GetValue(images) switch
            {
                "paths" => false,
                "embed" => true,
                var other => throw new GuardException($"--images is \"{other}\"; it must be paths or embed."),
            };
            var path = parsed.GetValue(output)!;
            (long Rows, long Pictures) written;
            using (new WaitLine(terminal, "converting rows"))
            {
                written = DatasetConversion.Convert(parsed.GetValue(input)!, path, embed, cancellationToken);
            }

            if (parsed.GetValue(json))
            {
                JsonOutput.Write(terminal.Out, document =>
                {
                    document.WriteNumber("schema", 1);
                    document.WriteString("output", path);
                    document.WriteNumber("rows", written.Rows);
                    document.WriteNumber("pictures", written.Pictures);
                });
            }
            else
            {
                terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {written.Rows:N0} rows, {written.Pictures:N0} pictures {(embed ? "embedded" : "copied")}"));
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }
}
