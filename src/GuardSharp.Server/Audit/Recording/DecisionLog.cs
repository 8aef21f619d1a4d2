using GuardSharp.Policies;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>Takes decisions: gives each its number and hands it to the writer.</summary>
internal sealed class DecisionLog(AuditOptions options, RunFolder folder, ContentHasher hasher, DecisionQueue queue, AuditMetrics metrics, ILogger<DecisionLog> logger)
    : IDecisionLog
{
    private int _overflowing;

    /// <inheritdoc/>
    public async ValueTask RecordAsync(Decision decision, CancellationToken cancellationToken)
    {
        var row = RowOf(decision);
        if (options.Durability == AuditDurability.Buffered)
        {
            Buffer(row);
            return;
        }

        // Continuations run elsewhere: a whole batch of answers must not hold up the next commit.
        var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!queue.TryAdd(new PendingDecision(row, stored)))
        {
            metrics.Count(1, "refused");
            throw new AuditException("The verdict cannot be recorded before it is answered: too many wait for the audit store, or the server is stopping. Try again later.");
        }

        await stored.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Buffer(DecisionRow row)
    {
        if (queue.TryAdd(new PendingDecision(row, null)))
        {
            Volatile.Write(ref _overflowing, 0);
            return;
        }

        metrics.Count(1, "dropped");
        if (Interlocked.Exchange(ref _overflowing, 1) == 0)
        {
            logger.TooManyPending(options.MaxPendingBytes);
        }
    }

    private DecisionRow RowOf(Decision decision)
    {
        var verdict = decision.Verdict;
        // All that can fail comes before the number: a number that is taken and never stored is a gap.
        var hash = hasher.Hash(decision.Conversation);
        var content = options.StoreContent ? ContentJson.Write(decision.Conversation) : null;
        return new DecisionRow
        {
            Run = folder.Current.Start.Run,
            Number = folder.Current.Next(),
            Id = decision.Id,
            Time = decision.Time,
            Key = decision.Caller,
            Endpoint = decision.Endpoint,
            Task = verdict.Task == VerdictTask.ResponseClassification ? "response" : "prompt",
            Unsafe = verdict.Unsafe,
            UnsafeProbability = verdict.UnsafeProbability,
            Threshold = verdict.Threshold,
            Categories = verdict.Categories,
            Probabilities = verdict.CategoryProbabilities,
            PolicyVersion = verdict.PolicyVersion,
            Model = verdict.Model,
            PromptTokens = verdict.PromptTokens,
            ImageTokens = verdict.ImageTokens,
            LatencyMs = decision.Latency.TotalMilliseconds,
            ContentHash = hash,
            Content = content,
        };
    }
}
