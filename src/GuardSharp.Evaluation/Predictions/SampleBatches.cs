using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>Rows of a file a few at a time, and a guard asked about them.</summary>
internal static class SampleBatches
{
    // No more encoded images than fit in memory anywhere.
    private const long ImageBytesAtOnce = 64L << 20;

    /// <summary>Cuts rows into batches; the same rows always give the same ones.</summary>
    /// <param name="samples">The rows, read as they are needed.</param>
    /// <param name="rowsAtOnce">Rows of a batch at most.</param>
    public static IEnumerable<List<Sample>> Of(IEnumerable<Sample> samples, int rowsAtOnce)
    {
        var batch = new List<Sample>();
        long imageBytes = 0;
        foreach (var sample in samples)
        {
            batch.Add(sample);
            imageBytes += sample.Conversation.Turns.Sum(turn => turn.Parts.OfType<ImagePart>().Sum(image => (long)image.Data.Length));
            if (batch.Count == rowsAtOnce || imageBytes >= ImageBytesAtOnce)
            {
                yield return batch;
                (batch, imageBytes) = ([], 0);
            }
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }

    /// <summary>Judges a batch. A row that cannot be judged is named: the batch failed as a whole, so its rows are tried one by one.</summary>
    /// <exception cref="GuardException">A row cannot be judged, or the guard answered something else than asked.</exception>
    public static async Task<IReadOnlyList<Prediction>> JudgeAsync(List<Sample> batch, Judge judge, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return Checked(batch, await judge([.. batch.Select(sample => sample.Conversation)], cancellationToken).ConfigureAwait(false));
        }
        catch (GuardException error) when (error is not SampleFileException)
        {
            foreach (var sample in batch)
            {
                await JudgeAloneAsync(sample, judge, cancellationToken).ConfigureAwait(false);
            }

            throw;
        }
    }

    // A probability that is no number would pass for safe at every threshold.
    private static IReadOnlyList<Prediction> Checked(List<Sample> batch, IReadOnlyList<Prediction> predictions)
    {
        if (predictions.Count != batch.Count)
        {
            throw new SampleFileException($"{batch[0].Place}: the guard was asked about {batch.Count} rows from here on and answered {predictions.Count}. No verdict can be told from another.");
        }

        for (var i = 0; i < batch.Count; i++)
        {
            if (!(predictions[i].UnsafeProbability is >= 0 and <= 1))
            {
                throw new SampleFileException($"{batch[i].Place}: the guard's P(unsafe) is {predictions[i].UnsafeProbability}; it must be from 0 to 1.");
            }
        }

        return predictions;
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
