using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Policies;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data</c>: looks at sample files, checks and mixes them, writes them in another form, imports published ones, has them labelled and answered.</summary>
internal static class DataCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("data", "Sample files (docs/data.md): count, check, mix and convert them; import published ones; have them labelled or answered by a model.");
        command.Add(DataStatsCommand.Create(terminal));
        command.Add(DataCheckCommand.Create(terminal));
        command.Add(DataBlendCommand.Create(terminal));
        command.Add(DataConvertCommand.Create(terminal));
        command.Add(DataTypesetCommand.Create(terminal));
        command.Add(DataImportCommand.Create(terminal));
        command.Add(DataLabelCommand.Create(terminal));
        command.Add(DataGenerateCommand.Create(terminal));
        return command;
    }

    /// <summary>The files a command reads.</summary>
    public static Argument<string[]> Files() => new("file")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "Rows, JSON Lines plain or gzip, or Parquet: {\"id\",\"task\",\"messages\",\"unsafe\",\"categories\",\"language\",\"source\"}.",
        HelpName = "FILE",
    };

    /// <summary>The policy whose categories rows may name.</summary>
    public static Option<string?> PolicyFile() => new("--policy") { Description = "Policy file (JSON) whose categories rows may name. Default: S1 to S14.", HelpName = "FILE" };

    /// <summary>The option <c>--json</c>.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print one JSON document." };

    /// <summary>What rows must be, by the options.</summary>
    public static RowRules Rules(string? policyFile, bool labelled, bool pictures = true) =>
        RowRules.Of(policyFile is null ? Policy.MlCommons : Policy.ReadFile(policyFile), labelled, pictures);
}
