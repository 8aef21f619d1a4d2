using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>A file of samples in, a file of predictions out: a row for each row, in order.</summary>
public static class BatchRun
{
    // Enough rows to keep the guard's batches full between two waits, and no more encoded images than fit in memory anywhere.
    private const int RowsAtOnce = 256;
    private const long ImageBytesAtOnce = 64L << 20;

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
            foreach (var chunk in Chunks(SampleReader.Read(samplesPath, labelled)))
            {
                var predictions = await JudgeAsync(chunk, judge, cancellationToken).ConfigureAwait(false);
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

    private static IEnumerable<List<Sample>> Chunks(IEnumerable<Sample> samples)
    {
        var chunk = new List<Sample>();
        long imageBytes = 0;
        foreach (var sample in samples)
        {
            chunk.Add(sample);
            imageBytes += sample.Conversation.Turns.Sum(turn => turn.Parts.OfType<ImagePart>().Sum(image => (long)image.Data.Length));
            if (chunk.Count == RowsAtOnce || imageBytes >= ImageBytesAtOnce)
            {
                yield return chunk;
                (chunk, imageBytes) = ([], 0);
            }
        }

        if (chunk.Count > 0)
        {
            yield return chunk;
        }
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

    // A row that cannot be judged is named: the chunk failed as a whole, so its rows are tried one by one.
    private static async Task<IReadOnlyList<Prediction>> JudgeAsync(List<Sample> chunk, Judge judge, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return await judge([.. chunk.Select(sample => sample.Conversation)], cancellationToken).ConfigureAwait(false);
        }
        catch (GuardException error) when (error is not SampleFileException)
        {
            foreach (var sample in chunk)
            {
                await JudgeAloneAsync(sample, judge, cancellationToken).ConfigureAwait(false);
            }

            throw;
        }
    }

    private static async Task JudgeAloneAsync(Sample sample, Judge judge, CancellationToken cancellationToken)
    {
        try
        {
            await judge([sample.Conversation], cancellationToken).ConfigureAwait(false);
        }
        catch (GuardException error)
        {
            throw new SampleFileException($"{sample.Place}: {error.Message}", error);
        }
    }
}
