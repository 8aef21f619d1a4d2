using GuardSharp.Evaluation.Predictions;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Guards;

/// <summary>A guard as an evaluation asks it.</summary>
internal static class GuardJudge
{
    /// <summary>A guard whose answers cannot be read so often in a row is the wrong one, or asked wrongly.</summary>
    public const int MostUnreadableInARow = 20;

    // As many as other callers have under way.
    private const int AtOnce = 64;

    /// <summary>Judges with fixed options. An answer that is neither safe nor unsafe counts as unsafe, and is marked.</summary>
    public static Judge Of(IGuard guard, ClassifyOptions options)
    {
        var inARow = 0;
        return async (conversations, cancellationToken) =>
        {
            var predictions = new Prediction[conversations.Count];
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
            await Parallel.ForAsync(0, conversations.Count, parallel, async (i, cancellation) =>
            {
                try
                {
                    var verdict = await guard.ClassifyAsync(conversations[i], options, cancellation).ConfigureAwait(false);
                    predictions[i] = new Prediction(verdict.Unsafe, verdict.UnsafeProbability, verdict.Categories, verdict.CategoryProbabilities);
                    Interlocked.Exchange(ref inARow, 0);
                }
                catch (InvalidAnswerException error)
                {
                    predictions[i] = Interlocked.Increment(ref inARow) < MostUnreadableInARow
                        ? Prediction.Unreadable
                        : throw new GuardException($"{MostUnreadableInARow} answers in a row were neither safe nor unsafe, so no more were asked for. The last: {error.Message}", error);
                }
            }).ConfigureAwait(false);
            return predictions;
        };
    }
}
