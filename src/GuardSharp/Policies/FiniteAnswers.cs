namespace GuardSharp.Policies;

/// <summary>A model's logits, refused unless every one is a finite number.</summary>
/// <remarks>A comparison with NaN is false, so a verdict read from damaged weights would come out as safe.</remarks>
internal sealed class FiniteAnswers(IAnswerModel model) : IAnswerModel
{
    /// <inheritdoc/>
    /// <exception cref="GuardException">A logit is NaN or infinite.</exception>
    public async ValueTask<float[][]> NextLogitsAsync(
        IReadOnlyList<int[]> continuations, IReadOnlyList<int>? tokens, CancellationToken cancellationToken)
    {
        var rows = await model.NextLogitsAsync(continuations, tokens, cancellationToken).ConfigureAwait(false);
        foreach (var row in rows)
        {
            var bad = Array.FindIndex(row, logit => !float.IsFinite(logit));
            if (bad >= 0)
            {
                throw new GuardException(
                    $"The model's logits hold {(float.IsNaN(row[bad]) ? "NaN" : "an infinite number")}, so there is no verdict. The weights are damaged or overflow: "
                    + "compare their SHA-256 with the publisher's and download them again.");
            }
        }

        return rows;
    }
}
