using System.CommandLine;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Policies;

namespace GuardSharp.CommandLine;

/// <summary><c>classify</c>: one conversation to a verdict, or a file of them to a file of predictions.</summary>
internal static class ClassifyCommand
{
    /// <summary>Builds the command.</summary>
    /// <param name="terminal">What is read and written.</param>
    /// <param name="backend">Options that choose what computes; null: the CPU backend.</param>
    public static Command Create(Terminal terminal, IBackendOptions? backend = null)
    {
        var command = new Command("classify", "Judges the last message of a conversation. Exit code 0 safe, 1 unsafe, 2 could not be judged.");
        var conversation = new ConversationOptions().AddTo(command);
        var judge = new Judge(new ModelOptions(backend).AddTo(command, judging: true), new DefenceOptions().AddTo(command));
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var batch = new Option<string?>("--batch") { Description = "Judge every row of a JSON Lines file, plain or gzip.", HelpName = "FILE.jsonl[.gz]" };
        var output = new Option<string?>("--output") { Description = "Where --batch writes a row for each row, in order.", HelpName = "FILE.jsonl" };
        command.Add(json);
        command.Add(batch);
        command.Add(output);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (batchPath, outputPath) = (parsed.GetValue(batch), parsed.GetValue(output));
            if ((batchPath is null) != (outputPath is null) || (batchPath is not null && conversation.IsMentioned(parsed)))
            {
                throw new GuardException("--batch FILE and --output FILE go together, and without a text, --image, --conversation, --role or --question.");
            }

            // A file's rows on a thread of their own: Ctrl-C is listened to only when this lambda has returned, and must not find a file half written before that.
            return batchPath is null
                ? await ClassifyAsync(parsed, terminal, conversation, judge, parsed.GetValue(json), cancellationToken).ConfigureAwait(false)
                : await Task.Run(() => ClassifyFileAsync(parsed, terminal, judge, batchPath, outputPath!, parsed.GetValue(json), cancellationToken), cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> ClassifyAsync(
        ParseResult parsed, Terminal terminal, ConversationOptions arguments, Judge judge, bool json, CancellationToken cancellationToken)
    {
        // Arguments first: a wrong one is told before a model is loaded.
        var conversation = await arguments.ReadAsync(parsed, terminal, cancellationToken).ConfigureAwait(false);
        var options = judge.Model.ReadClassifyOptions(parsed);
        Verdict verdict;
        var guard = judge.Load(parsed);
        await using (guard.ConfigureAwait(false))
        {
            using var waiting = new WaitLine(terminal, "judging");
            verdict = await guard.ClassifyAsync(conversation, options, cancellationToken).ConfigureAwait(false);
        }

        if (json)
        {
            VerdictJson.Write(terminal.Out, verdict);
        }
        else if (terminal.OutIsTerminal)
        {
            VerdictTable.Write(terminal, verdict, options.Policy ?? Policy.MlCommons);
        }
        else
        {
            VerdictText.Write(terminal.Out, verdict, options.Policy ?? Policy.MlCommons);
        }

        return verdict.Unsafe ? ExitCode.Unsafe : ExitCode.Done;
    }

    private static async Task<int> ClassifyFileAsync(
        ParseResult parsed, Terminal terminal, Judge judge, string input, string output, bool json, CancellationToken cancellationToken)
    {
        var options = judge.Model.ReadClassifyOptions(parsed);
        var guard = judge.Load(parsed);
        await using (guard.ConfigureAwait(false))
        {
            using var progress = new ProgressLine(terminal, "rows", TimeProvider.System);
            var rows = await BatchRun.WriteAsync(input, output, Judging.With(guard, options), labelled: false, progress, cancellationToken).ConfigureAwait(false);
            if (json)
            {
                JsonOutput.Write(terminal.Out, writer =>
                {
                    writer.WriteNumber("schema", 1);
                    writer.WriteString("model", guard.Capabilities.Model);
                    writer.WriteNumber("rows", rows);
                    writer.WriteString("output", output);
                });
            }
        }

        return ExitCode.Done;
    }

    private sealed record Judge(ModelOptions Model, DefenceOptions Defences)
    {
        public IGuard Load(ParseResult parsed) => Defences.Around(parsed, () => Model.Load(parsed));
    }
}
