using GuardSharp.Server.Audit.Store;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>Deletes old decisions, with their labels, every ten minutes.</summary>
internal sealed class RetentionJob(AuditOptions options, IDecisionStore store, StoreLink link, TimeProvider time, ILogger<RetentionJob> logger) : BackgroundService
{
    private static readonly TimeSpan _period = TimeSpan.FromMinutes(10);

    /// <summary>Deletes what is too old now. Nothing while decisions of earlier runs still wait on disk: they would be taken for missing.</summary>
    public async Task DeleteAsync(CancellationToken cancellationToken)
    {
        if (options.RetentionDays is not { } days || !link.IsSettled)
        {
            return;
        }

        var before = time.GetUtcNow() - TimeSpan.FromDays(days);
        try
        {
            var deleted = await store.DeleteBeforeAsync(before, cancellationToken).ConfigureAwait(false);
            if (deleted > 0)
            {
                logger.Deleted(deleted, before);
            }
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            logger.NotDeleted(error.Message);
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.RetentionDays is null)
        {
            return;
        }

        using var timer = new PeriodicTimer(_period, time);
        do
        {
            await DeleteAsync(stoppingToken).ConfigureAwait(false);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }
}
