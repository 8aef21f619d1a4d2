using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>The one writer: takes all decisions that wait into one commit, then the next.</summary>
/// <remarks>Started before the first request and stopped after the last one, so a clean shutdown loses nothing.</remarks>
internal sealed class DecisionWriter(AuditOptions options, DecisionQueue queue, StoreLink link, AuditMetrics metrics, TimeProvider time, ILogger<DecisionWriter> logger)
    : IHostedService, IDisposable
{
    private const int BatchRows = 1000;
    private const long BatchBytes = 16L << 20;

    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;
    private long _taken;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        logger.Started(options.Provider.ToString(), options.Durability, options.StoreContent ? "stored" : "not stored");
        metrics.Observe(() => queue.Count, () => link.SpillBytes, () => link.IsPresent ? 0 : 1);
        await link.StartAsync(cancellationToken).ConfigureAwait(false);
        _loop = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Complete();
        await _stopping.CancelAsync().ConfigureAwait(false);
        // Requests may have used up all the time for stopping, and that is no reason to lose decisions: the store has limits of its own.
        await _loop.ConfigureAwait(false);
        await link.StopAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync()
    {
        while (await queue.WaitAsync().ConfigureAwait(false))
        {
            if (options.Durability == AuditDurability.Buffered)
            {
                await GatherAsync().ConfigureAwait(false);
            }

            var batch = queue.Take(BatchRows, BatchBytes);
            try
            {
                await (options.Durability == AuditDurability.Buffered ? link.WriteAsync([.. batch.Select(decision => decision.Row)]) : CommitAsync(batch)).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                // Not the store's absence, which is dealt with: a fault of ours or of the disk. Whatever it is, the next batch is written.
                logger.BatchFailed(error, batch.Count);
                metrics.Count(batch.Count, options.Durability == AuditDurability.Buffered ? "dropped" : "refused");
                Refuse(batch, "The verdict cannot be recorded before it is answered: recording failed; the server's log says why.", error);
            }
        }
    }

    // Lets a batch grow: a commit a decision would wear the disk for nothing. Counted from the last batch on, so that a slow commit is not added to the wait.
    private async Task GatherAsync()
    {
        var wait = TimeSpan.FromMilliseconds(options.FlushMilliseconds) - time.GetElapsedTime(_taken);
        if (wait > TimeSpan.Zero && queue.Count < BatchRows && !_stopping.IsCancellationRequested)
        {
            await Task.Delay(wait, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _taken = time.GetTimestamp();
    }

    private async Task CommitAsync(List<PendingDecision> batch)
    {
        try
        {
            var refused = await link.StoreAsync([.. batch.Select(decision => decision.Row)]).ConfigureAwait(false);
            Refuse([.. batch.Where(decision => refused.Contains(decision.Row))], "The verdict cannot be recorded before it is answered: the audit store refuses it as too large. Send less, or switch StoreContent off.", null);
            foreach (var decision in batch)
            {
                // Those that were refused have their answer already.
                decision.Stored!.TrySetResult();
            }
        }
        catch (AuditException error)
        {
            Refuse(batch, error.Message, error.InnerException);
        }
    }

    private static void Refuse(List<PendingDecision> decisions, string message, Exception? cause)
    {
        foreach (var decision in decisions)
        {
            decision.Stored?.TrySetException(new AuditException(message, cause));
        }
    }
}
