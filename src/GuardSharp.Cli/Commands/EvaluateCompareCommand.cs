using System.CommandLine;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Comparison;

namespace GuardSharp.Cli.Commands;

/// <summary><c>evaluate compare</c>: two guards over the same rows.</summary>
internal static class EvaluateCompareCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("compare", "Compares two guards over the same labelled rows: McNemar's test, and differences with intervals.");
        var first = new Argument<string>("first") { Description = "Output folder of evaluate, or a file of predictions.", HelpName = "A" };
        var second = new Argument<string>("second") { Description = "The other one.", HelpName = "B" };
        var data = new Option<string?>("--data") { Description = "The labelled file. Default: the one that folder A says it was made from.", HelpName = "FILE" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        command.Add(first);
        command.Add(second);
        command.Add(data);
        command.Add(json);
        var report = new ReportOptionSet().AddTo(command);
        command.SetAction(parsed =>
        {
            var (a, b) = (parsed.GetValue(first)!, parsed.GetValue(second)!);
            var samples = parsed.GetValue(data) ?? Evaluator.SamplesOf(a)
                ?? throw new GuardException($"{a} does not say which labelled file it is about: give it with --data FILE.");
            PairedComparison comparison;
            using (new WaitLine(terminal, "comparing"))
            {
                comparison = PairedComparison.OfFiles(samples, PredictionsOf(a), PredictionsOf(b), report.Read(parsed));
            }

            if (parsed.GetValue(json))
            {
                JsonOutput.Write(terminal.Out, document => ComparisonOutput.Write(document, a, b, samples, comparison));
            }
            else
            {
                ComparisonOutput.Write(terminal, a, b, comparison);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static string PredictionsOf(string path) => !Directory.Exists(path)
        ? path
        : File.Exists(Path.Combine(path, Evaluator.PredictionsFile))
            ? Path.Combine(path, Evaluator.PredictionsFile)
            : throw new GuardException($"{path}: the folder has no {Evaluator.PredictionsFile}. Is its run finished? The same evaluate command goes on.");
}
