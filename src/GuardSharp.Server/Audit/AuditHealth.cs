using GuardSharp.Server.Audit.Recording;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace GuardSharp.Server.Audit;

/// <summary>Whether decisions reach the store. Without it a server that records before it answers takes no work; a buffering one works on.</summary>
internal sealed class AuditHealth(AuditOptions options, StoreLink link) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        link.IsPresent ? HealthCheckResult.Healthy("recording")
        : options.Durability == AuditDurability.BeforeAnswer ? HealthCheckResult.Unhealthy("store away")
        : HealthCheckResult.Degraded(link.IsFull ? "store away, decisions are being lost" : "store away, decisions wait on disk"));
}
