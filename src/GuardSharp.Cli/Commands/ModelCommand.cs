using System.CommandLine;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using Spectre.Console;

namespace GuardSharp.Cli.Commands;

/// <summary><c>model info</c>: what a folder holds and what its model can follow. Loads no weights into memory.</summary>
internal static class ModelCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var info = new Command("info", "Prints what a model is, what it can follow and what is missing. Exit code 1 when its files do not fit each other.");
        var model = new Option<string?>("--model") { Description = "Folder of the model, a GGUF file, or OWNER/NAME of a downloaded one. Default: guardsharp-tiny beside the program.", HelpName = "DIR" };
        var fullHash = new Option<bool>("--full-hash") { Description = "Hash all bytes of the weights; above 64 MiB a sample is hashed otherwise." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        info.Add(model);
        info.Add(fullHash);
        info.Add(json);
        info.SetAction(parsed =>
        {
            var card = ModelCard.Read(ModelOptions.FolderOf(parsed.GetValue(model)), parsed.GetValue(fullHash));
            if (parsed.GetValue(json))
            {
                card.WriteJson(terminal.Out);
            }
            else
            {
                WriteTable(terminal, card);
            }

            return card.Problems.Count == 0 ? ExitCode.Done : ExitCode.Unsafe;
        });
        var command = new Command("model", "Models of this machine: look at them, download them, write them in another form.");
        command.Add(info);
        command.Add(ModelListCommand.Create(terminal));
        command.Add(ModelDownloadCommand.Create(terminal));
        command.Add(ModelSynthesizeCommand.Create(terminal));
        command.Add(ModelMergeCommand.Create(terminal));
        command.Add(ModelExportCommand.Create(terminal));
        return command;
    }

    private static void WriteTable(Terminal terminal, ModelCard card)
    {
        var console = TerminalConsole.Create(terminal);
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(2, 0, 2, 0) });
        grid.AddColumn(new GridColumn { Padding = new Padding(0, 0, 0, 0) });
        foreach (var (name, value) in card.Lines())
        {
            grid.AddRow(new Text(name, new Style(decoration: Decoration.Bold)), new Text(value));
        }

        console.Write(grid);
    }
}
