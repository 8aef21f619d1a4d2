using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets.Import;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data import</c>: a published data set as rows of our schema.</summary>
internal static class DataImportCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("import", "Writes a published data set as rows for evaluate (docs/evaluation.md says how labels become S1 to S14, and which do not).");
        var format = new Argument<string>("format") { Description = $"One of {string.Join(", ", ImportLayouts.Formats)}.", HelpName = "FORMAT" };
        var file = new Argument<string>("file") { Description = "The file as it was published: CSV, JSON, JSON Lines or Parquet. It is not downloaded.", HelpName = "FILE" };
        var output = new Option<string>("--output") { Description = "The file to write.", HelpName = "OUT.jsonl[.gz]|OUT.parquet", Required = true };
        var images = new Option<string?>("--images") { Description = "Folder of the pictures. Default: where the data set keeps them beside the file.", HelpName = "DIR" };
        var json = DataCommand.Json();
        command.Add(format);
        command.Add(file);
        command.Add(output);
        command.Add(images);
        command.Add(json);
        command.SetAction((parsed, cancellationToken) =>
        {
            var path = parsed.GetValue(output)!;
            ImportTally tally;
            using (new WaitLine(terminal, "importing rows"))
            {
                tally = DatasetImport.Import(parsed.GetValue(format)!, parsed.GetValue(file)!, path, parsed.GetValue(images), cancellationToken);
            }

            if (parsed.GetValue(json))
            {
                WriteJson(terminal.Out, path, tally);
            }
            else
            {
                WriteText(terminal.Out, path, tally);
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static void WriteText(TextWriter output, string path, ImportTally tally)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{path}: {tally.Written:N0} rows of {tally.Read:N0} published ones, {tally.Unsafe:N0} unsafe, {tally.Pictures:N0} with a picture"));
        foreach (var (reason, count) in tally.Skipped)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"left out, {reason}: {count:N0}"));
        }

        foreach (var (label, count) in tally.Unmapped)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"no counterpart among S1 to S14, {label}: {count:N0}"));
        }
    }

    private static void WriteJson(TextWriter output, string path, ImportTally tally) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("output", path);
        json.WriteNumber("read", tally.Read);
        json.WriteNumber("rows", tally.Written);
        json.WriteNumber("unsafe", tally.Unsafe);
        json.WriteNumber("pictures", tally.Pictures);
        foreach (var (name, counts) in new (string, IReadOnlyDictionary<string, long>)[] { ("leftOut", tally.Skipped), ("noCounterpart", tally.Unmapped) })
        {
            json.WriteStartObject(name);
            foreach (var (what, count) in counts)
            {
                json.WriteNumber(what, count);
            }

            json.WriteEndObject();
        }
    });
}
