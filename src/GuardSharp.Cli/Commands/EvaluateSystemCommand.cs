using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Systems;
using GuardSharp.Policies;
using Spectre.Console;

namespace GuardSharp.Cli.Commands;

/// <summary><c>evaluate system</c>: a model behind an input filter, an output filter, both, none.</summary>
internal static class EvaluateSystemCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("system", "Lets a model answer labelled prompts and measures it behind an input filter, an output filter, both and none. Goes on where it stopped; exit code 1 when prompts are left without an answer.");
        var file = new Argument<string>("file") { Description = "Labelled rows; those that end with a message of the user are answered.", HelpName = "FILE" };
        var output = new Option<string>("--output") { Description = $"Folder for {SystemEvaluation.AnswersFile} and {SystemEvaluation.NumbersFile}.", HelpName = "DIR", Required = true };
        var (limit, json) = (RemoteRows.Limit(), DataCommand.Json());
        command.Add(file);
        foreach (var option in (Option[])[output, limit, json])
        {
            command.Add(option);
        }

        var generator = new ChatModelOptions("0", maxTokens: 512, prefix: "generator-").AddTo(command);
        var model = new ModelOptions().AddTo(command, judging: true);
        var (source, judge) = (new GuardSource().AddTo(command), new GuardSource("judge-").AddTo(command));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = model.ReadClassifyOptions(parsed);
            var chat = generator.Read(parsed, temperatureDefault: 0);
            var rows = RemoteRows.Read(parsed.GetValue(file)!, RowRules.Of(options.Policy ?? Policy.MlCommons), parsed.GetValue(limit));
            var guard = source.Open(parsed, () => model.Load(parsed));
            await using (guard.ConfigureAwait(false))
            {
                var other = judge.IsNamed(parsed) ? judge.Open(parsed, local: null) : null;
                try
                {
                    using var answering = new ChatModel(chat);
                    // A threshold is the filter's own; the judge has its model's.
                    var evaluation = new SystemEvaluation(answering, guard, options, other, new ClassifyOptions { Policy = options.Policy });
                    var folder = parsed.GetValue(output)!;
                    var report = await RemoteRows.RunAsync(
                        terminal, folder, "prompts", (progress, token) => evaluation.RunAsync(rows, Path.GetFileName(parsed.GetValue(file)!), folder, chat.Concurrency, progress, token), cancellationToken).ConfigureAwait(false);
                    WriteFile(folder, report);
                    Show(terminal, report, parsed.GetValue(json));
                    return RemoteRows.Failures(terminal, report.Failed);
                }
                finally
                {
                    if (other is not null)
                    {
                        await other.DisposeAsync().ConfigureAwait(false);
                    }
                }
            }
        });
        return command;
    }

    private static void WriteFile(string folder, SystemReport report)
    {
        using var file = new PendingFile(Path.Combine(folder, SystemEvaluation.NumbersFile));
        using (var json = new Utf8JsonWriter(file.Stream, new JsonWriterOptions { Indented = true }))
        {
            report.Write(json);
        }

        file.Stream.WriteByte((byte)'\n');
        file.Commit();
    }

    private static void Show(Terminal terminal, SystemReport report, bool asJson)
    {
        if (asJson)
        {
            JsonOutput.WriteValue(terminal.Out, report.Write);
            return;
        }

        var table = new Table { Border = TableBorder.Simple };
        foreach (var name in (string[])["filter", "violation rate", "95 %", "refusal rate", "95 %", "unsafe prompts stopped"])
        {
            table.AddColumn(new TableColumn(name) { Alignment = name == "filter" ? Justify.Left : Justify.Right }.NoWrap());
        }

        foreach (var line in report.Arrangements)
        {
            table.AddRow(line.Name, Rate(line.Violations), Ends(line.Violations), Rate(line.Refusals), Ends(line.Refusals), Rate(line.Stopped));
        }

        var console = TerminalConsole.Create(terminal);
        console.Write(table);
        console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Generator} behind {report.Guard}, judged by {report.Judge ?? "the same"}: {report.UnsafePrompts:N0} unsafe prompts ({report.ViolatingAnswers:N0} answered violating), {report.SafePrompts:N0} safe ones"));
        foreach (var note in report.Notes)
        {
            console.WriteLine(note);
        }
    }

    private static string Rate(Share share) => $"{TerminalConsole.Percent(share.Value)} of {share.Rows.ToString("N0", CultureInfo.InvariantCulture)}";

    private static string Ends(Share share) => share.Interval is { } ends ? $"{TerminalConsole.Percent(ends.Low)} - {TerminalConsole.Percent(ends.High)}" : "";
}
