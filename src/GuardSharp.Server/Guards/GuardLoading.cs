using System.Diagnostics;
using GuardSharp.Server.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Guards;

/// <summary>Loads the guards while the server already answers that it is loading.</summary>
internal sealed partial class GuardLoading(
    IGuardLoader loader, GuardRegistry registry, Readiness readiness, IOptions<ServerOptions> options, IHostApplicationLifetime lifetime, ILogger<GuardLoading> log) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _run = Task.CompletedTask;

    /// <summary>Ends when the guards are there; fails with what kept one from being loaded.</summary>
    public Task Completion => _done.Task;

    /// <summary>Begins. Loading takes a thread of its own: the pool's serve requests.</summary>
    public void Begin() => _run = Task.Factory.StartNew(Load, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _run.ConfigureAwait(false);
        _stop.Dispose();
    }

    private void Load()
    {
        try
        {
            var started = Stopwatch.GetTimestamp();
            registry.Open(loader.Load(_stop.Token), options.Value.AcceptAnyModel);
            Loaded(log, string.Join(", ", registry.All.Select(guard => $"{guard.Name} ({guard.RealName})")), (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            readiness.Open();
            _done.TrySetResult();
        }
        catch (Exception error)
        {
            // A server without its models is of no use: it ends, and says why.
            _done.TrySetException(error);
            lifetime.StopApplication();
        }
    }

    [LoggerMessage(LogLevel.Information, "Loaded {Models} in {Milliseconds} ms.")]
    private static partial void Loaded(ILogger log, string models, long milliseconds);
}
