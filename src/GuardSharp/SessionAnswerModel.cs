using GuardSharp.Engine;
using GuardSharp.Policies;

namespace GuardSharp;

/// <summary>A prompt in the engine as the verdict reader sees it.</summary>
/// <param name="session">The prompt, read.</param>
/// <param name="alreadyRead">Tokens at the start of every continuation that were read with the prompt.</param>
/// <param name="firstTokens">Tokens whose logits were asked for with the prompt.</param>
internal sealed class SessionAnswerModel(PromptSession session, int alreadyRead, int[] firstTokens) : IAnswerModel
{
    public async ValueTask<float[][]> NextLogitsAsync(
        IReadOnlyList<int[]> continuations, IReadOnlyList<int>? tokens, CancellationToken cancellationToken)
    {
        if (session.FirstLogits is { } logits && continuations.Count == 1 && continuations[0].Length == alreadyRead && tokens is not null && firstTokens.SequenceEqual(tokens))
        {
            return [logits];
        }

        IReadOnlyList<int[]> remaining = alreadyRead == 0 ? continuations : [.. continuations.Select(c => c[alreadyRead..])];
        return await session.NextLogitsAsync(remaining, tokens ?? [], cancellationToken).ConfigureAwait(false);
    }
}
