using GuardSharp.Conversations;
using GuardSharp.Extensions.AI.Telemetry;
using GuardSharp.Policies;

namespace GuardSharp.Extensions.AI.Judging;

/// <summary>What came of a judgement.</summary>
/// <param name="Verdict">The verdict; null where there is none: nothing to judge, or the guard failed.</param>
/// <param name="Block">Why it may not pass; null: it may.</param>
/// <param name="FailedOpen">It passes only because the guard failed and the options say so.</param>
internal readonly record struct Judged(Verdict? Verdict, BlockedChat? Block, bool FailedOpen = false)
{
    /// <summary>Whether it may pass.</summary>
    public bool Passes => Block is null;
}

/// <summary>Asks the guard, within a time, and says what its answer or its failure means.</summary>
/// <remarks>Safe from any thread.</remarks>
internal sealed class ChatJudge(IGuard guard, GuardedChatOptions options, ChatTelemetry telemetry)
{
    /// <summary>What was decided about the options' limits and errors.</summary>
    public GuardedChatOptions Options => options;

    /// <summary>Judges what goes to the model: what the user's side said last, and an answer that was begun for the model, if there is one.</summary>
    public async ValueTask<Judged> JudgeInputAsync(TurnList turns, CancellationToken cancellationToken)
    {
        if (turns.Count == 0)
            return default;
        var asked = turns.WithoutLastAnswer();
        var judged = asked.Count > 0 ? await JudgeAsync(asked, GuardStage.Input, cancellationToken).ConfigureAwait(false) : default;
        if (ReferenceEquals(asked, turns) || !judged.Passes)
            return judged;
        var begun = await JudgeAsync(turns, GuardStage.Input, cancellationToken).ConfigureAwait(false);
        return begun with { FailedOpen = begun.FailedOpen || judged.FailedOpen };
    }

    /// <summary>Judges the last of some turns.</summary>
    /// <exception cref="GuardException">The guard failed, and the options say that this is thrown.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async ValueTask<Judged> JudgeAsync(TurnList turns, GuardStage stage, CancellationToken cancellationToken)
    {
        var request = new ClassifyOptions
        {
            Policy = options.Policy,
            Threshold = stage == GuardStage.Input ? options.InputThreshold : options.OutputThreshold,
        };
        using var measured = telemetry.Start(stage);
        try
        {
            var verdict = await ClassifyAsync(turns.Build(options.ContextTurns), request, cancellationToken).ConfigureAwait(false);
            measured.Judged(verdict);
            return new Judged(verdict, verdict.Unsafe ? new BlockedChat(stage, BlockReason.Unsafe, verdict) : null);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // Whatever went wrong, nothing is known about the content: it passes only where the options say so.
            var reason = ReasonOf(error);
            // Whoever could make the guard fail by what they send would open it: such failures never do.
            var opens = options.FailOpen && reason != BlockReason.ContentNotAllowed;
            measured.Failed(reason, opens, error);
            if (options.ThrowOnGuardError)
                throw;
            return opens ? new Judged(null, null, FailedOpen: true) : new Judged(null, new BlockedChat(stage, reason, null) { Error = error });
        }
    }

    private static BlockReason ReasonOf(Exception error) => error switch
    {
        GuardTimeoutException => BlockReason.GuardTimeout,
        ContextOverflowException or InvalidConversationException or ImageException => BlockReason.ContentNotAllowed,
        _ => BlockReason.GuardError,
    };

    private async Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions request, CancellationToken cancellationToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var verdict = guard.ClassifyAsync(conversation, request, late.Token);
        try
        {
            // A guard that does not look at its token must not hold the chat up either.
            return await verdict.WaitAsync(options.Timeout, options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!verdict.IsCompleted)
        {
            await late.CancelAsync().ConfigureAwait(false);
            Abandon(verdict);
            throw new GuardTimeoutException(options.Timeout);
        }
        catch (OperationCanceledException) when (!verdict.IsCompleted)
        {
            Abandon(verdict);
            throw;
        }
    }

    // Nobody waits for it any more; its error must not be called unobserved.
    private static void Abandon(Task verdict) =>
        _ = verdict.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
