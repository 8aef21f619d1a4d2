using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.CommandLine;

/// <summary>A guard as the evaluation calls it.</summary>
internal static class Judging
{
    /// <summary>Judges with fixed options.</summary>
    public static Judge With(IGuard guard, ClassifyOptions options) => async (conversations, cancellationToken) =>
    {
        var verdicts = await guard.ClassifyAsync(conversations, options, cancellationToken).ConfigureAwait(false);
        return [.. verdicts.Select(verdict => new Prediction(verdict.Unsafe, verdict.UnsafeProbability, verdict.Categories, verdict.CategoryProbabilities))];
    };
}
