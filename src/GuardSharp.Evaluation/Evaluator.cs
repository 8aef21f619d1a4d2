using System.Text.Json;
using GuardSharp.Evaluation.Html;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Evaluation;

/// <summary>A labelled file in, predictions.jsonl, metrics.json and report.html out.</summary>
public static class Evaluator
{
    /// <summary>Name of the file of predictions in the output folder.</summary>
    public const string PredictionsFile = PredictionRun.PredictionsFile;

    /// <summary>Name of the file of metrics in the output folder.</summary>
    public const string MetricsFile = "metrics.json";

    /// <summary>Folder below the output folder where predictions of development files lie, each in a folder of its name.</summary>
    public const string DevelopmentFolder = "development";

    /// <summary>Judges every row of a labelled file and measures the answers. What was judged before, even by a run that was killed, is not judged again.</summary>
    /// <param name="run">What and how.</param>
    /// <param name="judge">The guard.</param>
    /// <param name="progress">Told after every few rows.</param>
    /// <param name="cancellationToken">Stops the run; the same run goes on later.</param>
    /// <exception cref="GuardException">A row is not in the schema or cannot be judged (the message names file and line), or the folder holds another run.</exception>
    public static async Task<EvaluationResult> RunAsync(
        EvaluationRun run, Judge judge, IProgress<RowProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (run.RowsAtOnce is < 1 or > 4096)
        {
            throw new GuardException($"{run.RowsAtOnce} rows at once: it must be from 1 to 4096.");
        }

        run.Page.Check();

        var rows = await JudgeAsync(run, run.SamplesPath, run.OutputFolder, judge, progress, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<JudgedSample>? development = run.Threshold is not { DevelopmentPath: { } path }
            ? null
            : run.Threshold.IsOn(run.SamplesPath)
                ? rows
                : await JudgeAsync(run, path, Path.Combine(run.OutputFolder, DevelopmentFolder, Path.GetFileName(path).Split('.')[0]), judge, progress, cancellationToken).ConfigureAwait(false);
        var result = Measure(run.Guard.Model, run.SamplesPath, rows, run.Threshold, development, run.Report) with { LastImage = run.LastImage };
        WriteMetrics(run.OutputFolder, result);
        EvaluationReport.Write(Path.Combine(run.OutputFolder, EvaluationReport.File), result, new ReportFacts(TimeProvider.System.GetUtcNow()) { Guard = run.Guard, Page = run.Page });
        return result;
    }

    /// <summary>Measures predictions made before against their labelled file; rows must be the same, in the same order.</summary>
    /// <param name="samplesPath">The labelled file.</param>
    /// <param name="predictionsPath">Its predictions.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="threshold">The threshold that is applied; null: the verdicts of the predictions count.</param>
    /// <param name="developmentPredictionsPath">The predictions of the threshold's development file; may be null where it is the file itself.</param>
    /// <exception cref="GuardException">A file is damaged, or the rows do not match.</exception>
    public static EvaluationResult Measure(
        string samplesPath, string predictionsPath, ReportOptions? options = null, ThresholdRequest? threshold = null, string? developmentPredictionsPath = null)
    {
        var rows = JudgedRows.Join(samplesPath, predictionsPath);
        IReadOnlyList<JudgedSample>? development = threshold?.DevelopmentPath is not { } path
            ? null
            : threshold.IsOn(samplesPath)
                ? rows
                : JudgedRows.Join(path, developmentPredictionsPath ?? throw new GuardException($"The threshold is to be chosen on {path}: give its predictions too."));
        return Measure(predictionsPath, samplesPath, rows, threshold, development, options);
    }

    /// <summary>The labelled file that an output folder was made from; null where the folder does not say.</summary>
    /// <exception cref="GuardException">The folder's run.json is damaged.</exception>
    public static string? SamplesOf(string outputFolder) => RunFile.SamplesOf(outputFolder);

    /// <summary>Writes the numbers; the file appears whole or not at all.</summary>
    internal static void WriteMetrics(string folder, EvaluationResult result)
    {
        using var file = new PendingFile(Path.Combine(folder, MetricsFile));
        using (var json = new Utf8JsonWriter(file.Stream, new JsonWriterOptions { Indented = true }))
        {
            MetricsReportWriter.Write(json, result);
        }

        file.Stream.WriteByte((byte)'\n');
        file.Commit();
    }

    private static EvaluationResult Measure(
        string model, string samplesPath, IReadOnlyList<JudgedSample> rows, ThresholdRequest? request, IReadOnlyList<JudgedSample>? development, ReportOptions? options)
    {
        var choice = request is null ? null : development is null ? ThresholdChoice.Of(request.Value) : request.Choose(development, samplesPath);
        var judged = choice?.Apply(rows) ?? rows;
        return new EvaluationResult(model, samplesPath, MetricsReport.Of(judged, options), judged) { Threshold = choice };
    }

    private static async Task<IReadOnlyList<JudgedSample>> JudgeAsync(
        EvaluationRun run, string samplesPath, string folder, Judge judge, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        var isNew = !Directory.Exists(folder);
        MakeFolder(folder);
        try
        {
            if (run.Fresh)
            {
                PredictionRun.Clear(folder, MetricsFile, EvaluationReport.File);
            }

            var file = RunFile.Of(samplesPath, run.Guard, run.LastImage, cancellationToken);
            return await new PredictionRun(samplesPath, folder, TimeProvider.System)
                .RunAsync(run.LastImage ? OfLastImages(judge) : judge, file, run.RowsAtOnce, progress, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            if (isNew && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }

            throw;
        }
    }

    private static Judge OfLastImages(Judge judge) => (conversations, cancellationToken) => judge([.. conversations.Select(LastImage.Of)], cancellationToken);

    private static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SampleFileException($"{folder}: the folder cannot be made: {error.Message}", error);
        }
    }
}
