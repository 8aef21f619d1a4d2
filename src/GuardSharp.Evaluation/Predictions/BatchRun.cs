using System.Text.Json;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>A file of samples in, a file of predictions out: a row for each row, in order.</summary>
public static class BatchRun
{
    // Enough rows to keep the guard's batches full between two waits.
    private const int RowsAtOnce = 256;

    /// <summary>Judges every row and writes the predictions; the file appears only when the last row is judged.</summary>
    /// <param name="samplesPath">JSON Lines, plain or gzip; see <see cref="SampleReader"/>. Every row is checked before the first is judged.</param>
    /// <param name="predictionsPath">The file to write.</param>
    /// <param name="judge">The guard.</param>
    /// <param name="labelled">True when every row must carry its truth.</param>
    /// <param name="progress">Told after every few rows.</param>
    /// <param name="cancellationToken">Stops the run; nothing is left behind.</param>
    /// <returns>Number of rows.</returns>
    /// <exception cref="GuardException">A row is not in the schema or cannot be judged; the message names file and line.</exception>
    public static async Task<long> WriteAsync(
        string samplesPath, string predictionsPath, Judge judge, bool labelled, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        if (Path.GetFullPath(samplesPath) == Path.GetFullPath(predictionsPath))
        {
            throw new SampleFileException($"{predictionsPath}: the predictions would take the place of the rows they are about. Name another file.");
        }

        using var output = new PendingFile(predictionsPath);
        var total = Check(samplesPath, labelled, cancellationToken);
        progress?.Report(new RowProgress(0, total));
        long done = 0;
        using (var json = new Utf8JsonWriter(output.Stream))
        {
            foreach (var chunk in SampleBatches.Of(SampleReader.Read(samplesPath, labelled), RowsAtOnce))
            {
                var predictions = await SampleBatches.JudgeAsync(chunk, judge, cancellationToken).ConfigureAwait(false);
                for (var i = 0; i < chunk.Count; i++)
                {
                    PredictionFile.WriteRow(json, output.Stream, chunk[i].Id, predictions[i]);
                }

                done += chunk.Count;
                progress?.Report(new RowProgress(done, total));
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        output.Commit();
        return done;
    }

    private static long Check(string samplesPath, bool labelled, CancellationToken cancellationToken)
    {
        long rows = 0;
        foreach (var _ in SampleReader.Read(samplesPath, labelled))
        {
            cancellationToken.ThrowIfCancellationRequested();
            rows++;
        }

        return rows > 0 ? rows : throw new SampleFileException($"{samplesPath}: the file holds no rows.");
    }
}
