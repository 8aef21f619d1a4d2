using GuardSharp.Conversations;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace GuardSharp.Extensions.AI.Hosting;

/// <summary>Says whether a guard gives verdicts: asks it for one on a harmless word.</summary>
internal sealed class GuardHealthCheck(Func<IGuard> guard) : IHealthCheck
{
    private static readonly Conversation _word = Conversation.OfUser("hello");

    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var verdict = await guard().ClassifyAsync(_word, cancellationToken: cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy($"{verdict.Model} gives verdicts.");
        }
        catch (QueueFullException error)
        {
            return HealthCheckResult.Degraded(error.Message);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, error is GuardException ? error.Message : error.GetType().Name);
        }
    }
}

/// <summary>Says that the process runs: nothing that a guard could fail at.</summary>
internal sealed class LiveHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(HealthCheckResult.Healthy());
}
