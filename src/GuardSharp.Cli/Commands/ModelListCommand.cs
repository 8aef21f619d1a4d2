using System.CommandLine;
using GuardSharp.Checkpoints;
using GuardSharp.CommandLine;
using GuardSharp.Hub;
using Spectre.Console;

namespace GuardSharp.Cli.Commands;

/// <summary><c>model list</c>: the guards of this machine, and the published ones.</summary>
internal static class ModelListCommand
{
    // Published weights are bfloat16.
    private const int BytesOfBFloat16 = 2;
    private const string DefaultPurpose = "the default: text, small, in every installation";

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("list", "Lists the guards of this machine and the published ones, with what each is for. Asks nobody.");
        var cache = new Option<string?>("--cache") { Description = "Folder of the cache. Default: HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub.", HelpName = "DIR" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        command.Add(cache);
        command.Add(json);
        command.SetAction(parsed =>
        {
            var rows = Rows(HubOptions.FromEnvironment().With(parsed.GetValue(cache), offline: true).CacheFolder);
            if (parsed.GetValue(json))
            {
                WriteJson(terminal, rows);
            }
            else
            {
                WriteTable(terminal, rows);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static List<Row> Rows(string cacheFolder)
    {
        var cached = CachedModels.List(cacheFolder);
        var rows = new List<Row>();
        if (Directory.Exists(GuardClassifier.DefaultModelFolder))
        {
            rows.Add(new Row("guardsharp-tiny", DefaultPurpose, GuardClassifier.DefaultModelFolder, Directory.EnumerateFiles(GuardClassifier.DefaultModelFolder).Sum(path => new FileInfo(path).Length)));
        }

        rows.AddRange(PublishedModel.All.Select(guard =>
        {
            var here = cached.FirstOrDefault(model => model.Repository == guard.Repository);
            return new Row(guard.Repository, guard.Purpose, here?.Folder, here?.Bytes ?? (long)guard.Config().Parameters() * BytesOfBFloat16);
        }));
        rows.AddRange(cached.Where(model => rows.TrueForAll(row => row.Name != model.Repository)).Select(model => new Row(model.Repository, "", model.Folder, model.Bytes)));
        return rows;
    }

    private static void WriteJson(Terminal terminal, List<Row> rows) => JsonOutput.Write(terminal.Out, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteStartArray("models");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            json.WriteString("purpose", row.Purpose);
            json.WriteNumber("bytes", row.Bytes);
            json.WriteString("folder", row.Folder);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static void WriteTable(Terminal terminal, List<Row> rows)
    {
        var console = TerminalConsole.Create(terminal);
        var table = new Table { Border = TableBorder.None };
        table.AddColumn(Column("model", noWrap: true));
        table.AddColumn(Column("size", noWrap: true).RightAligned());
        table.AddColumn(Column("here", noWrap: true));
        table.AddColumn(Column("what it is for", noWrap: false));
        foreach (var row in rows)
        {
            table.AddRow(new Text(row.Name), new Text(DiskSpace.Show(row.Bytes)), new Text(row.Folder is null ? "no" : "yes"), new Text(row.Purpose));
        }

        console.Write(table);
        // Folders are long and meant to be copied: each on a line of its own.
        terminal.Out.WriteLine();
        foreach (var row in rows.Where(row => row.Folder is not null))
        {
            terminal.Out.WriteLine($"{row.Name}: {row.Folder}");
        }

        terminal.Out.WriteLine("The others: guardsharp model download NAME (Meta's licence has to be accepted on the hub first).");
    }

    private static TableColumn Column(string name, bool noWrap) => new(new Text(name, new Style(decoration: Decoration.Bold))) { NoWrap = noWrap };

    private sealed record Row(string Name, string Purpose, string? Folder, long Bytes);
}
