using System.CommandLine;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data stats</c>: what sample files hold.</summary>
internal static class DataStatsCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("stats", "Counts the rows of sample files by verdict, category, language, source and more.");
        var (files, policy, json) = (DataCommand.Files(), DataCommand.PolicyFile(), DataCommand.Json());
        var model = new Option<string?>("--model") { Description = "Folder of a model, or its tokenizer: lengths are counted in its tokens as well.", HelpName = "DIR" };
        command.Add(files);
        foreach (var option in (Option[])[model, policy, json])
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellationToken) =>
        {
            var stats = new DatasetStats(parsed.GetValue(model) is { } name ? Counter(name) : null);
            var rules = DataCommand.Rules(parsed.GetValue(policy), labelled: false, pictures: false);
            using (new WaitLine(terminal, "counting rows"))
            {
                foreach (var read in parsed.GetValue(files)!.SelectMany(file => DataRowReader.Read(file, rules)))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    stats.Add(read);
                }
            }

            if (parsed.GetValue(json))
            {
                DataStatsOutput.WriteJson(terminal.Out, stats);
            }
            else
            {
                DataStatsOutput.WriteTable(terminal, stats);
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static Func<string, int> Counter(string model)
    {
        var tokenizer = ModelTokenizer.Load(ModelOptions.FolderOf(model));
        var ids = new List<int>();
        return text =>
        {
            ids.Clear();
            tokenizer.Encode(text, ids);
            return ids.Count;
        };
    }
}
