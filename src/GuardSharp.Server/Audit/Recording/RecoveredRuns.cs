using System.Diagnostics;
using GuardSharp.Server.Audit.Store;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>Brings what runs left behind into the store, and finds what they lost.</summary>
internal sealed class RecoveredRuns(IDecisionStore store, RunFolder folder, AuditMetrics metrics, TimeProvider time, ILogger logger)
{
    /// <summary>Settles the runs whose processes are gone: first their spilled decisions go into the store, then the missing ones are told.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        foreach (var run in folder.Dead.ToArray())
        {
            using (var spill = new SpillFile(run.SpillPath, long.MaxValue))
            {
                spill.Adopt();
                await ReplayAsync(spill, run.SpillPath, cancellationToken).ConfigureAwait(false);
            }

            var gaps = await store.SettleAsync(run.Start, run.Taken, time.GetUtcNow(), cancellationToken).ConfigureAwait(false);
            if (run.Taken > 0)
            {
                logger.RunFound(run.Start.Run, run.Start.Host, run.Taken, gaps.Sum(gap => gap.Count));
            }

            Tell(gaps);
            folder.Remove(run);
        }
    }

    /// <summary>Ends a run properly.</summary>
    public async Task EndAsync(RunFile run, CancellationToken cancellationToken)
    {
        Tell(await store.SettleAsync(run.Start, run.Taken, time.GetUtcNow(), cancellationToken).ConfigureAwait(false));
        run.Delete();
    }

    /// <summary>Stores rows of a spill file.</summary>
    /// <returns>How many.</returns>
    public async Task<int> StoreChunkAsync(SpillChunk chunk, string path, CancellationToken cancellationToken)
    {
        if (chunk.Damaged > 0)
        {
            logger.DamagedLines(path, chunk.Damaged);
        }

        if (chunk.Rows.Count == 0)
        {
            return 0;
        }

        var started = Stopwatch.GetTimestamp();
        var refused = await store.WriteAsync(chunk.Rows, cancellationToken).ConfigureAwait(false);
        metrics.Committed(chunk.Rows.Count - refused.Count, started, "replayed");
        if (refused.Count > 0)
        {
            metrics.Count(refused.Count, "dropped");
            logger.RowsRefused(refused.Count);
        }

        return chunk.Rows.Count - refused.Count;
    }

    private async Task ReplayAsync(SpillFile spill, string path, CancellationToken cancellationToken)
    {
        while (spill.Read() is { Bytes: > 0 } chunk)
        {
            await StoreChunkAsync(chunk, path, cancellationToken).ConfigureAwait(false);
            spill.Forget(chunk);
        }
    }

    private void Tell(IReadOnlyList<Gap> gaps)
    {
        foreach (var gap in gaps)
        {
            if (gap.Durability == nameof(AuditDurability.BeforeAnswer))
            {
                logger.UnansweredGap(gap.Run, gap.Host, gap.First, gap.Last);
                continue;
            }

            metrics.Missing(gap.Count);
            logger.GapFound(gap.Run, gap.Host, gap.Count, gap.First, gap.Last, gap.After, gap.Before);
        }
    }
}
