using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp;

/// <summary>What every guard can do with the one thing it does.</summary>
public static class GuardExtensions
{
    // Enough to fill a pass of the engine with short prompts; far below any queue's capacity.
    private const int AtOnce = 64;

    /// <summary>Judges many conversations; those that wait together share forward passes.</summary>
    /// <param name="guard">The guard.</param>
    /// <param name="conversations">Any number; at most 64 are under way at a time.</param>
    /// <param name="options">What to judge against; null: the guard's defaults.</param>
    /// <param name="cancellationToken">Gives all of them up.</param>
    /// <returns>The verdicts in the order of the conversations.</returns>
    /// <exception cref="GuardException">One of them could not be judged: the first such error, after the others under way have ended.</exception>
    public static async Task<IReadOnlyList<Verdict>> ClassifyAsync(
        this IGuard guard,
        IReadOnlyList<Conversation> conversations,
        ClassifyOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(guard);
        ArgumentNullException.ThrowIfNull(conversations);
        var verdicts = new Verdict[conversations.Count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, conversations.Count, parallel, async (i, cancellation) =>
            verdicts[i] = await guard.ClassifyAsync(conversations[i], options, cancellation).ConfigureAwait(false)).ConfigureAwait(false);
        return verdicts;
    }
}
