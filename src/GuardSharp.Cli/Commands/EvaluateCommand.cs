using System.CommandLine;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Cli.Commands;

/// <summary><c>evaluate</c>: a labelled file to predictions.jsonl and metrics.json.</summary>
internal static class EvaluateCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("evaluate", "Judges a labelled JSON Lines file and measures the verdicts. Exit code 1 below --min-auroc.");
        var samples = new Argument<string?>("file") { Arity = ArgumentArity.ZeroOrOne, Description = "Labelled rows, plain or gzip: {\"id\",\"messages\",\"unsafe\",\"categories\",\"language\",\"source\"}.", HelpName = "FILE.jsonl[.gz]" };
        var data = new Option<string?>("--data") { Description = "The same file, as an option.", HelpName = "FILE" };
        var output = new Option<string?>("--output") { Description = $"Folder for {Evaluator.PredictionsFile} and {Evaluator.MetricsFile}.", HelpName = "DIR" };
        var predictions = new Option<string?>("--predictions") { Description = "Measure predictions made before; no model is loaded.", HelpName = "FILE.jsonl" };
        var seed = new Option<int>("--seed") { Description = "Seed of the bootstrap intervals.", DefaultValueFactory = _ => 1 };
        var resamples = new Option<int>("--resamples") { Description = "Bootstrap resamples, 0 to 100000; 0 leaves the intervals of AUROC, AUPRC and F1 out.", DefaultValueFactory = _ => 1000 };
        var bar = new Option<string?>("--min-auroc") { Description = "Exit with 1 when the mean AUROC over sources (over all rows where no source has both classes) is below.", HelpName = "X" };
        var json = new Option<bool>("--json") { Description = $"Print {Evaluator.MetricsFile} in place of the table." };
        command.Add(samples);
        foreach (var option in (Option[])[data, output, predictions, seed, resamples, bar, json])
        {
            command.Add(option);
        }

        var model = new ModelOptions().AddTo(command, judging: true);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var path = (parsed.GetValue(samples) ?? parsed.GetValue(data)) is { } named && (parsed.GetValue(samples) is null || parsed.GetValue(data) is null)
                ? named
                : throw new GuardException("Give one labelled file: evaluate FILE --output DIR.");
            var options = new ReportOptions(CheckResamples(parsed.GetValue(resamples)), (ulong)(uint)parsed.GetValue(seed));
            double? least = parsed.GetValue(bar) is { } text ? ModelOptions.Probability("--min-auroc", text) : null;
            var (name, report) = await MeasureAsync(
                parsed, terminal, model, new Files(path, parsed.GetValue(output), parsed.GetValue(predictions)), options, cancellationToken).ConfigureAwait(false);
            var code = least is { } limit ? Compare(report, limit) : ExitCode.Done;
            if (parsed.GetValue(json))
            {
                JsonOutput.WriteValue(terminal.Out, writer => MetricsReportWriter.Write(writer, report, name, Path.GetFileName(path)));
            }
            else
            {
                MetricsTable.Write(terminal, report);
            }

            return code;
        });
        return command;
    }

    // A bar that nothing was measured against has not been passed.
    private static int Compare(MetricsReport report, double least) =>
        (report.MeanOverSources.Auroc ?? report.Overall.Metrics.Auroc) is { } auroc
            ? auroc >= least ? ExitCode.Done : ExitCode.Unsafe
            : throw new GuardException("--min-auroc needs an AUROC, but the rows are all safe or all unsafe. Add rows of the other class, or leave the option out.");

    private static async Task<(string Model, MetricsReport Report)> MeasureAsync(
        ParseResult parsed, Terminal terminal, ModelOptions model, Files files, ReportOptions options, CancellationToken cancellationToken)
    {
        if (files.Predictions is { } predictions)
        {
            return (predictions, files.Output is null
                ? Evaluator.Measure(files.Samples, predictions, options)
                : throw new GuardException("--predictions measures what is there already; leave --output out, or use --json > metrics.json."));
        }

        var output = files.Output ?? throw new GuardException("Say where the results go with --output DIR, or measure predictions made before with --predictions FILE.");
        var judgeOptions = model.ReadClassifyOptions(parsed);
        var guard = model.Load(parsed);
        await using (guard.ConfigureAwait(false))
        {
            using var progress = new ProgressLine(terminal, "rows", TimeProvider.System);
            var report = await Evaluator.RunAsync(
                files.Samples, output, Judging.With(guard, judgeOptions), guard.Capabilities.Model, options, progress, cancellationToken).ConfigureAwait(false);
            return (guard.Capabilities.Model, report);
        }
    }

    private static int CheckResamples(int resamples) => resamples is >= 0 and <= 100_000
        ? resamples
        : throw new GuardException($"--resamples is {resamples}; it must be from 0 to 100000.");

    private sealed record Files(string Samples, string? Output, string? Predictions);
}
