using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Defences;

/// <summary>A guard behind defences: it judges a conversation as it is and in every view of the defences, and the worst verdict counts.</summary>
/// <remarks>
/// <para>Never safer than the guard alone: what that one flags stays flagged, and P(unsafe) is never lower. A view that cannot be judged is an
/// error, never "safe". Safe from any thread. A verdict costs as many as there are views.</para>
/// <para>Several defences multiply: each also looks at the views of those before it, so that tricks in text and picture may meet.</para>
/// </remarks>
public sealed class DefendedGuard : IGuard
{
    // Decoded pictures are large: few conversations may prepare theirs at a time.
    private const int PicturesAtOnce = 8;

    private readonly SemaphoreSlim _pictures = new(PicturesAtOnce);
    private readonly IReadOnlyList<IDefence> _defences;

    /// <summary>Puts defences around a guard.</summary>
    /// <param name="guard">The guard; disposed with this one.</param>
    /// <param name="defences">At least one, the first nearest to the conversation.</param>
    public DefendedGuard(IGuard guard, params IReadOnlyList<IDefence> defences)
    {
        ArgumentNullException.ThrowIfNull(guard);
        ArgumentNullException.ThrowIfNull(defences);
        if (defences.Count == 0)
        {
            throw new ArgumentException("There is no defence. Name at least one, or use the guard itself.", nameof(defences));
        }

        (Guard, _defences) = (guard, [.. defences]);
        Capabilities = guard.Capabilities with { Model = NameOf(guard.Capabilities.Model, defences) };
    }

    /// <inheritdoc/>
    /// <remarks>The model's name holds the names of the defences: <c>guardsharp-tiny+jpeg:75@0123456789ab</c>.</remarks>
    public GuardCapabilities Capabilities { get; }

    /// <summary>The guard behind the defences.</summary>
    internal IGuard Guard { get; }

    /// <inheritdoc/>
    public async Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        var started = Stopwatch.GetTimestamp();
        // First as it is: a full queue or a conversation that cannot be judged is told before any view is made.
        var plain = await Guard.ClassifyAsync(conversation, options, cancellationToken).ConfigureAwait(false);
        var views = await ViewsAsync(conversation, cancellationToken).ConfigureAwait(false);
        var verdicts = await Task.WhenAll(views.Select(view => Guard.ClassifyAsync(view.Conversation, options, cancellationToken))).ConfigureAwait(false);
        return Worst(plain, views, verdicts) with { Model = Capabilities.Model, Elapsed = Stopwatch.GetElapsedTime(started) };
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _pictures.Dispose();
        return Guard.DisposeAsync();
    }

    private async Task<IReadOnlyList<View>> ViewsAsync(Conversation conversation, CancellationToken cancellationToken)
    {
        if (!conversation.Turns.Any(turn => turn.Parts.Any(part => part is ImagePart)))
        {
            return Look(conversation, cancellationToken);
        }

        await _pictures.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Look(conversation, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _pictures.Release();
        }
    }

    private List<View> Look(Conversation conversation, CancellationToken cancellationToken) => ViewsOf(_defences, conversation, cancellationToken);

    /// <summary>The views that defences make of a conversation, each defence looking at those of the ones before it as well.</summary>
    internal static List<View> ViewsOf(IReadOnlyList<IDefence> defences, Conversation conversation, CancellationToken cancellationToken)
    {
        var views = new List<View> { new(conversation, "") };
        foreach (var defence in defences)
        {
            foreach (var view in views.ToArray())
            {
                cancellationToken.ThrowIfCancellationRequested();
                var name = view.Defence.Length == 0 ? defence.Name : $"{view.Defence}, {defence.Name}";
                views.AddRange(defence.Views(view.Conversation).Select(other => new View(other, name)));
            }
        }

        views.RemoveAt(0);
        return views;
    }

    private static Verdict Worst(Verdict plain, IReadOnlyList<View> views, Verdict[] verdicts)
    {
        var worst = -1;
        for (var i = 0; i < verdicts.Length; i++)
        {
            worst = IsWorse(verdicts[i], worst < 0 ? plain : verdicts[worst]) ? i : worst;
        }

        // A verdict may be unsafe by the threshold of a category alone: the highest P(unsafe) can be another's.
        var highest = verdicts.Aggregate(plain.UnsafeProbability, (most, verdict) => Math.Max(most, verdict.UnsafeProbability));
        var verdict = (worst < 0 ? plain : verdicts[worst]) with { Task = plain.Task, UnsafeProbability = highest };
        return verdict.Unsafe && !plain.Unsafe
            ? verdict with { Warnings = [.. verdict.Warnings, $"Safe as it is, unsafe as the defence {views[worst].Defence} sees it."] }
            : verdict;
    }

    private static bool IsWorse(Verdict one, Verdict other) =>
        one.Unsafe != other.Unsafe ? one.Unsafe : one.UnsafeProbability > other.UnsafeProbability;

    // As an adapter's name, before the hash of the weights.
    private static string NameOf(string model, IReadOnlyList<IDefence> defences)
    {
        var names = string.Concat(defences.Select(defence => "+" + defence.Name));
        var hash = model.LastIndexOf('@');
        return hash < 0 ? model + names : model.Insert(hash, names);
    }

    /// <summary>A conversation as defences see it.</summary>
    /// <param name="Conversation">What is judged.</param>
    /// <param name="Defence">The names of the defences that made it.</param>
    internal sealed record View(Conversation Conversation, string Defence);
}
