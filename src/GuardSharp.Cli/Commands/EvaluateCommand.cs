using System.CommandLine;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Html;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Cli.Commands;

/// <summary><c>evaluate</c>: a labelled file to predictions.jsonl, metrics.json and report.html.</summary>
internal static class EvaluateCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("evaluate", "Judges a labelled file and measures the verdicts. Goes on where it stopped, after a kill too. Exit code 1 below --min-auroc.");
        var samples = new Argument<string?>("file") { Arity = ArgumentArity.ZeroOrOne, Description = "Labelled rows, plain or gzip, or Parquet: {\"id\",\"messages\",\"unsafe\",\"categories\",\"language\",\"source\"}.", HelpName = "FILE.jsonl[.gz]" };
        var data = new Option<string?>("--data") { Description = "The same file, as an option.", HelpName = "FILE" };
        var output = new Option<string?>("--output") { Description = $"Folder for {Evaluator.PredictionsFile}, {Evaluator.MetricsFile} and {EvaluationReport.File}. A run of the same guard over the same rows goes on there.", HelpName = "DIR" };
        var fresh = new Option<bool>("--fresh") { Description = "Begin anew in a folder that holds a run." };
        var predictions = new Option<string?>("--predictions") { Description = "Measure predictions made before; no model is loaded.", HelpName = "FILE.jsonl" };
        var lastImage = new Option<bool>("--last-image") { Description = "Of several images put in only the conversation's last one, as the Llama Guard 4 card measured Llama Guard 3 Vision." };
        var batch = new Option<int>("--batch") { Description = "Rows judged at once, 1 to 4096; a kill costs at most one batch. With more than 1 the last digits depend on what was judged together.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var bar = new Option<string?>("--min-auroc") { Description = "Exit with 1 when the mean AUROC over sources (over all rows where no source has both classes) is below.", HelpName = "X" };
        var json = new Option<bool>("--json") { Description = $"Print {Evaluator.MetricsFile} in place of the table." };
        command.Add(samples);
        foreach (var option in (Option[])[data, output, fresh, predictions, lastImage, batch, bar, json])
        {
            command.Add(option);
        }

        var (thresholds, report, page, model) = (new ThresholdOptions().AddTo(command), new ReportOptionSet().AddTo(command), new PageOptionSet().AddTo(command), new ModelOptions().AddTo(command, judging: true));
        var (source, defences) = (new GuardSource().AddTo(command), new DefenceOptions().AddTo(command));
        command.Add(EvaluateSystemCommand.Create(terminal));
        command.Add(EvaluateCompareCommand.Create(terminal));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var path = (parsed.GetValue(samples) ?? parsed.GetValue(data)) is { } named && (parsed.GetValue(samples) is null || parsed.GetValue(data) is null)
                ? named
                : throw new GuardException("Give one labelled file: evaluate FILE --output DIR.");
            var options = report.Read(parsed);
            double? least = parsed.GetValue(bar) is { } text ? ModelOptions.Probability("--min-auroc", text) : null;
            var result = parsed.GetValue(predictions) is { } made
                ? parsed.GetValue(output) is null
                    ? Evaluator.Measure(path, made, options, thresholds.Read(parsed, model.ReadThreshold(parsed)), thresholds.DevelopmentPredictions(parsed))
                    : throw new GuardException("--predictions measures what is there already; leave --output out, or use --json > metrics.json.")
                : await RunAsync(
                    terminal,
                    model,
                    parsed,
                    load => defences.Around(parsed, () => source.Open(parsed, load)),
                    guard => new EvaluationRun(path, Folder(parsed.GetValue(output)), guard)
                    {
                        Report = options,
                        Threshold = thresholds.Read(parsed, given: null),
                        LastImage = parsed.GetValue(lastImage),
                        Fresh = parsed.GetValue(fresh),
                        // A server is asked about several rows at a time, and nothing is gained there by one.
                        RowsAtOnce = source.IsNamed(parsed) && parsed.GetResult(batch) is not { Implicit: false } ? 64 : parsed.GetValue(batch),
                        Page = page.Read(parsed),
                    },
                    cancellationToken).ConfigureAwait(false);
            page.WriteReport(parsed, result);
            var code = least is { } limit ? Compare(result.Report, limit) : ExitCode.Done;
            if (parsed.GetValue(json))
            {
                JsonOutput.WriteValue(terminal.Out, writer => MetricsReportWriter.Write(writer, result));
            }
            else
            {
                MetricsTable.Write(terminal, result);
            }

            return code;
        });
        return command;
    }

    // A bar that nothing was measured against has not been passed.
    private static int Compare(MetricsReport report, double least) =>
        (report.MeanOverSources.Auroc.Value ?? report.Overall.Metrics.Auroc) is { } auroc
            ? auroc >= least ? ExitCode.Done : ExitCode.Unsafe
            : throw new GuardException("--min-auroc needs an AUROC, but the rows are all safe or all unsafe. Add rows of the other class, or leave the option out.");

    private static string Folder(string? output) =>
        output ?? throw new GuardException("Say where the results go with --output DIR, or measure predictions made before with --predictions FILE.");

    private static async Task<EvaluationResult> RunAsync(
        Terminal terminal, ModelOptions model, ParseResult parsed, Func<Func<IGuard>, IGuard> open, Func<GuardIdentity, EvaluationRun> run, CancellationToken cancellationToken)
    {
        var judgeOptions = model.ReadClassifyOptions(parsed);
        // Options are checked before a model is loaded.
        run(new GuardIdentity("", "", null));
        var guard = open(() => model.Load(parsed, repeatable: true));
        await using (guard.ConfigureAwait(false))
        {
            using var progress = new ProgressLine(terminal, "rows", TimeProvider.System);
            var evaluation = run(GuardIdentity.Of(guard, judgeOptions, model.Settings(parsed)));
            try
            {
                return await Evaluator.RunAsync(evaluation, Judging.With(guard, judgeOptions), progress, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (Directory.Exists(evaluation.OutputFolder))
            {
                progress.Note($"What was judged is in {evaluation.OutputFolder}; the same command goes on.");
                throw;
            }
        }
    }
}
