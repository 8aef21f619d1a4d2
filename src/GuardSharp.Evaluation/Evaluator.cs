using System.Text.Json;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation;

/// <summary>A labelled file in, predictions.jsonl and metrics.json out.</summary>
public static class Evaluator
{
    /// <summary>Name of the file of predictions in the output folder.</summary>
    public const string PredictionsFile = "predictions.jsonl";

    /// <summary>Name of the file of metrics in the output folder.</summary>
    public const string MetricsFile = "metrics.json";

    /// <summary>Judges every row of a labelled file and measures the answers.</summary>
    /// <param name="samplesPath">JSON Lines, plain or gzip; see <see cref="SampleReader"/>. Every row is checked before the first is judged.</param>
    /// <param name="outputFolder">Made where it is missing; holds the two files afterwards, each whole or not there.</param>
    /// <param name="judge">The guard.</param>
    /// <param name="model">The guard's name, for the report.</param>
    /// <param name="options">How the metrics are computed; null for the defaults.</param>
    /// <param name="progress">Told after every few rows.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="GuardException">A row is not in the schema or cannot be judged; the message names file and line.</exception>
    public static async Task<MetricsReport> RunAsync(
        string samplesPath,
        string outputFolder,
        Judge judge,
        string model,
        ReportOptions? options = null,
        IProgress<RowProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var isNew = !Directory.Exists(outputFolder);
        MakeFolder(outputFolder);
        try
        {
            var predictions = Path.Combine(outputFolder, PredictionsFile);
            await BatchRun.WriteAsync(samplesPath, predictions, judge, labelled: true, progress, cancellationToken).ConfigureAwait(false);
            var report = Measure(samplesPath, predictions, options);
            WriteReport(Path.Combine(outputFolder, MetricsFile), report, model, samplesPath);
            return report;
        }
        catch
        {
            if (isNew && !Directory.EnumerateFileSystemEntries(outputFolder).Any())
            {
                Directory.Delete(outputFolder);
            }

            throw;
        }
    }

    /// <summary>Measures predictions made before against their labelled file; rows must be the same, in the same order.</summary>
    /// <exception cref="GuardException">A file is damaged, or the rows do not match.</exception>
    public static MetricsReport Measure(string samplesPath, string predictionsPath, ReportOptions? options = null)
    {
        var judged = new List<JudgedSample>();
        using var predictions = PredictionFile.Read(predictionsPath).GetEnumerator();
        foreach (var sample in SampleReader.Read(samplesPath, labelled: true))
        {
            if (!predictions.MoveNext())
            {
                throw new SampleFileException($"{predictionsPath}: there is no prediction for {sample.Place}. Each row needs one, in the same order.");
            }

            var (id, prediction, place) = predictions.Current;
            judged.Add(id == sample.Id
                ? JudgedSample.Of(sample, prediction)
                : throw new SampleFileException($"{place}: the id differs from that of {sample.Place}. Predictions must be in the order of the rows."));
        }

        return predictions.MoveNext()
            ? throw new SampleFileException($"{predictions.Current.Place}: there is no row for this prediction in {samplesPath}.")
            : MetricsReport.Of(judged, options);
    }

    /// <summary>Writes a report as indented JSON; the file appears whole or not at all.</summary>
    internal static void WriteReport(string path, MetricsReport report, string model, string samplesPath)
    {
        using var file = new PendingFile(path);
        using (var json = new Utf8JsonWriter(file.Stream, new JsonWriterOptions { Indented = true }))
        {
            MetricsReportWriter.Write(json, report, model, Path.GetFileName(samplesPath));
        }

        file.Stream.WriteByte((byte)'\n');
        file.Commit();
    }

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
