using System.Text.Json;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>Judges a labelled file into a folder; a run that was stopped, even by a kill, goes on where it was.</summary>
/// <remarks>
/// While it runs the folder holds run.json and predictions.part.jsonl, which grows batch by batch; at the end timings.jsonl and predictions.jsonl, each
/// whole. Batches are cut alike in every run and judged whole, so that going on gives the bytes of a run without a stop. Content is never written.
/// </remarks>
/// <param name="samplesPath">The labelled rows.</param>
/// <param name="folder">The output folder; made where it is missing.</param>
/// <param name="clock">Measures the batches.</param>
internal sealed class PredictionRun(string samplesPath, string folder, TimeProvider clock)
{
    /// <summary>Name of the file of predictions.</summary>
    public const string PredictionsFile = "predictions.jsonl";

    /// <summary>Name of the file of times; they differ from run to run, so they stand apart.</summary>
    public const string TimingsFile = "timings.jsonl";

    private const string JournalFile = "predictions.part.jsonl";

    private readonly string _predictions = Path.Combine(folder, PredictionsFile);
    private readonly string _timings = Path.Combine(folder, TimingsFile);
    private readonly string _journal = Path.Combine(folder, JournalFile);

    /// <summary>Removes what an earlier run left in a folder.</summary>
    public static void Clear(string folder, params string[] more)
    {
        foreach (var name in (string[])[RunFile.FileName, PredictionsFile, TimingsFile, JournalFile, .. more])
        {
            File.Delete(Path.Combine(folder, name));
        }
    }

    /// <summary>Judges what is not judged yet; a finished run costs nothing.</summary>
    /// <param name="judge">The guard.</param>
    /// <param name="run">What is judged and how.</param>
    /// <param name="rowsAtOnce">Rows the guard is asked about at once.</param>
    /// <param name="progress">Told after every batch.</param>
    /// <param name="cancellationToken">Stops; what was judged is kept.</param>
    /// <exception cref="GuardException">The folder holds another run, or a row cannot be judged; the message names file and line.</exception>
    public async Task<IReadOnlyList<JudgedSample>> RunAsync(Judge judge, RunFile run, int rowsAtOnce, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        var goesOn = run.IsIn(folder);
        if (!goesOn && File.Exists(_predictions))
        {
            throw new SampleFileException($"{_predictions}: nothing says which guard made them ({RunFile.FileName} is missing). Measure them with --predictions, name another folder, or start anew with --fresh.");
        }

        if (!goesOn)
        {
            run.WriteTo(folder);
        }

        if (!File.Exists(_predictions))
        {
            await JudgeAsync(judge, run, rowsAtOnce, progress, cancellationToken).ConfigureAwait(false);
        }

        // Left by a run that was killed between its last two steps.
        File.Delete(_journal);
        return Read();
    }

    private async Task JudgeAsync(Judge judge, RunFile run, int rowsAtOnce, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        var judged = 0;
        try
        {
            using var journal = new RowJournal(_journal);
            judged = journal.Rows.Count;
            progress?.Report(new RowProgress(judged, run.Rows));
            foreach (var batch in SampleBatches.Of(SampleReader.Read(samplesPath, labelled: true), rowsAtOnce))
            {
                if (batch.All(sample => journal.Rows.ContainsKey(sample.Id)))
                {
                    continue;
                }

                var start = clock.GetTimestamp();
                var predictions = await SampleBatches.JudgeAsync(batch, judge, cancellationToken).ConfigureAwait(false);
                var milliseconds = clock.GetElapsedTime(start).TotalMilliseconds / batch.Count;
                for (var i = 0; i < batch.Count; i++)
                {
                    journal.Append(batch[i].Id, PredictionFile.ToJson(batch[i].Id, predictions[i], milliseconds));
                }

                judged = journal.Rows.Count;
                progress?.Report(new RowProgress(judged, run.Rows));
            }

            cancellationToken.ThrowIfCancellationRequested();
            Finish(journal);
        }
        catch when (judged == 0)
        {
            // Nothing to go on from: the folder is left as it was found.
            Clear(folder);
            throw;
        }
    }

    private void Finish(RowJournal journal)
    {
        using var predictions = new PendingFile(_predictions);
        using var timings = new PendingFile(_timings);
        using (var json = new Utf8JsonWriter(predictions.Stream))
        using (var times = new Utf8JsonWriter(timings.Stream))
        {
            foreach (var (text, line) in SampleReader.ReadLines(samplesPath))
            {
                var id = SampleReader.IdOf(text, line, $"{samplesPath}:{line}");
                var (prediction, milliseconds) = PredictionFile.OfJson(journal.Rows[id], _journal);
                PredictionFile.WriteRow(json, predictions.Stream, id, prediction);
                times.Reset(timings.Stream);
                times.WriteStartObject();
                times.WriteString("id", id);
                times.WriteNumber("milliseconds", milliseconds);
                times.WriteEndObject();
                times.Flush();
                timings.Stream.WriteByte((byte)'\n');
            }
        }

        timings.Commit();
        // The last step: a folder that holds predictions holds all of them.
        predictions.Commit();
    }

    private List<JudgedSample> Read()
    {
        var times = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (text, line) in File.Exists(_timings) ? SampleReader.ReadLines(_timings) : [])
        {
            using var row = JsonDocument.Parse(text);
            times[JsonField.Text(row.RootElement, "id", $"{_timings}:{line}")] = row.RootElement.GetProperty("milliseconds").GetDouble();
        }

        return [.. JudgedRows.Join(samplesPath, _predictions).Select(row => row with { Milliseconds = times.TryGetValue(row.Id, out var time) ? time : null })];
    }
}
