namespace GuardSharp.Policies;

/// <summary>A model that has read a prompt and says what it would write next. The reader of verdicts knows nothing else of it.</summary>
internal interface IAnswerModel
{
    /// <summary>The logits of the next token after each continuation.</summary>
    /// <param name="continuations">Token ids that follow the prompt, possibly none. All of them in one call, so that one batch can serve them.</param>
    /// <param name="tokens">The ids whose logits are wanted; null means the whole vocabulary.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>[continuations][tokens], in the order asked for; raw logits, any scale shift within a row allowed.</returns>
    ValueTask<float[][]> NextLogitsAsync(
        IReadOnlyList<int[]> continuations, IReadOnlyList<int>? tokens, CancellationToken cancellationToken);
}
