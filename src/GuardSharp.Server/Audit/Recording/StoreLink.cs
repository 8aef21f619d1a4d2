using System.Diagnostics;
using GuardSharp.Server.Audit.Store;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>The way to the store: straight while it is there, over a file while it is away.</summary>
/// <remarks>
/// The first write that fails makes the store count as away. From then on a task of its own tries to reach it, with growing pauses; once reached, what
/// waits on disk goes into it first. The gate keeps two things from happening at once: that the file is found empty, and that something is added to it.
/// </remarks>
internal sealed class StoreLink(IDecisionStore store, RunFolder folder, AuditOptions options, AuditMetrics metrics, TimeProvider time, ILogger<StoreLink> logger) : IDisposable
{
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly RecoveredRuns _runs = new(store, folder, metrics, time, logger);
    private readonly ResiliencePipeline _patience = new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = _firstPause,
            MaxDelay = TimeSpan.FromSeconds(30),
            ShouldHandle = new PredicateBuilder().Handle<Exception>(error => error is not OperationCanceledException),
        })
        .Build();

    private Task _recovery = Task.CompletedTask;
    private volatile bool _recovering;
    private volatile bool _present;
    private volatile bool _full;
    private long _dropped;
    private long _lostWhileAway;

    /// <summary>Whether the store is there.</summary>
    public bool IsPresent => _present;

    /// <summary>Whether the store is there and knows all of earlier runs.</summary>
    public bool IsSettled => _present && !_recovering;

    /// <summary>Whether decisions are being lost because the store is away and the file is full.</summary>
    public bool IsFull => _full;

    /// <summary>Decisions of this run that were lost so far.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Bytes that wait on disk.</summary>
    public long SpillBytes => folder.Spill.WaitingBytes;

    /// <summary>Reaches the store, or begins to wait for it.</summary>
    /// <exception cref="AuditException">It will never be reached with this configuration.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await store.OpenAsync(folder.Current.Start, cancellationToken).ConfigureAwait(false);
            _present = true;
        }
        catch (Exception error) when (error is not AuditException and not OperationCanceledException)
        {
            LogAway(error);
        }

        _recovering = true;
        _recovery = Task.Run(RecoverAsync, CancellationToken.None);
    }

    /// <summary>Buffered: brings rows to the store, or to disk while it is away; what fits in neither is lost and counted.</summary>
    public async Task WriteAsync(IReadOnlyList<DecisionRow> rows)
    {
        while (true)
        {
            if (_present && await TryStoreAsync(rows).ConfigureAwait(false))
            {
                return;
            }

            await _gate.WaitAsync().ConfigureAwait(false);
            try
            {
                if (!_present)
                {
                    Spill(rows);
                    return;
                }
            }
            finally
            {
                _gate.Release();
            }
        }
    }

    /// <summary>BeforeAnswer: commits rows.</summary>
    /// <returns>Rows that the store refuses for what they are.</returns>
    /// <exception cref="AuditException">The store is away.</exception>
    public async Task<IReadOnlyList<DecisionRow>> StoreAsync(IReadOnlyList<DecisionRow> rows)
    {
        const string Message = "The verdict cannot be recorded before it is answered: the audit store is away. Try again later.";
        if (!_present)
        {
            metrics.Count(rows.Count, "refused");
            throw new AuditException(Message);
        }

        try
        {
            return await CommitAsync(rows, "refused").ConfigureAwait(false);
        }
        catch (Exception error)
        {
            metrics.Count(rows.Count, "refused");
            await GoAwayAsync(error).ConfigureAwait(false);
            throw new AuditException(Message, error);
        }
    }

    /// <summary>Ends the run: tells the store how many decisions there were. What waits on disk stays for the next start.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _recovery.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_present)
        {
            return;
        }

        try
        {
            await _runs.EndAsync(folder.Current, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            LogAway(error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _gate.Dispose();
    }

    private async Task<bool> TryStoreAsync(IReadOnlyList<DecisionRow> rows)
    {
        try
        {
            var refused = await CommitAsync(rows, "dropped").ConfigureAwait(false);
            Interlocked.Add(ref _dropped, refused.Count);
            return true;
        }
        catch (Exception error)
        {
            await GoAwayAsync(error).ConfigureAwait(false);
            return false;
        }
    }

    private async Task<IReadOnlyList<DecisionRow>> CommitAsync(IReadOnlyList<DecisionRow> rows, string outcomeOfRefused)
    {
        var started = Stopwatch.GetTimestamp();
        var refused = await store.WriteAsync(rows, CancellationToken.None).ConfigureAwait(false);
        metrics.Committed(rows.Count - refused.Count, started, "stored");
        if (refused.Count > 0)
        {
            metrics.Count(refused.Count, outcomeOfRefused);
            logger.RowsRefused(refused.Count);
        }

        return refused;
    }

    private async Task GoAwayAsync(Exception error)
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!_present)
            {
                return;
            }

            _present = false;
            LogAway(error);
            if (!_recovering && !_stopping.IsCancellationRequested)
            {
                _recovering = true;
                _recovery = Task.Run(RecoverAsync, CancellationToken.None);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private void LogAway(Exception error) => logger.Away(
        error.Message,
        options.Durability == AuditDurability.BeforeAnswer ? "Verdicts are refused until it is back." : "Decisions wait on disk until it is back; verdicts go on.");

    private void Spill(IReadOnlyList<DecisionRow> rows)
    {
        var kept = folder.Spill.Append(rows);
        metrics.Count(kept, "spilled");
        var lost = rows.Count - kept;
        if (lost == 0)
        {
            _full = false;
            return;
        }

        metrics.Count(lost, "dropped");
        Interlocked.Add(ref _dropped, lost);
        _lostWhileAway += lost;
        if (!_full)
        {
            _full = true;
            logger.SpillFull(folder.Current.SpillPath);
        }
    }

    private async Task RecoverAsync()
    {
        var stopping = _stopping.Token;
        do
        {
            if (!_present)
            {
                await Task.Delay(_firstPause, time, stopping).ConfigureAwait(false);
            }

            await _patience.ExecuteAsync(async token => await AttemptAsync(token).ConfigureAwait(false), stopping).ConfigureAwait(false);
        }
        while (!await TryFinishAsync(stopping).ConfigureAwait(false));
    }

    private async Task AttemptAsync(CancellationToken cancellationToken)
    {
        if (!_present)
        {
            await store.OpenAsync(folder.Current.Start, cancellationToken).ConfigureAwait(false);
            await ReplayAsync(cancellationToken).ConfigureAwait(false);
        }

        await _runs.SettleAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task ReplayAsync(CancellationToken cancellationToken)
    {
        long replayed = 0;
        while (true)
        {
            SpillChunk chunk;
            await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                chunk = folder.Spill.Read();
                if (chunk.Bytes == 0)
                {
                    Return(replayed);
                    return;
                }
            }
            finally
            {
                _gate.Release();
            }

            replayed += await _runs.StoreChunkAsync(chunk, folder.Current.SpillPath, cancellationToken).ConfigureAwait(false);
            await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
            folder.Spill.Forget(chunk);
            _gate.Release();
        }
    }

    private void Return(long replayed)
    {
        _present = true;
        _full = false;
        logger.Back(replayed);
        if (_lostWhileAway > 0)
        {
            logger.Lost(_lostWhileAway);
            _lostWhileAway = 0;
        }
    }

    // The store may have gone away again while the last of earlier runs were settled.
    private async Task<bool> TryFinishAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        _recovering = !_present;
        _gate.Release();
        return !_recovering;
    }
}
