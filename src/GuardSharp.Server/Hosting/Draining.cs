using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Hosting;

/// <summary>Says that the server is not ready any more before it stops accepting, so that a balancer can look elsewhere.</summary>
internal sealed class Draining(Readiness readiness, IOptions<ServerOptions> options, TimeProvider time) : IHostedLifecycleService
{
    /// <inheritdoc/>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        readiness.Drain();
        await Task.Delay(TimeSpan.FromSeconds(options.Value.DrainDelaySeconds), time, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
