using System.Threading.RateLimiting;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Prompts;
using GuardSharp.Remote;

namespace GuardSharp.Evaluation.Guards;

/// <summary>A server that is asked no more often, and no more at a time, than was said.</summary>
/// <remarks>Safe from any thread. Attempts, waits and the rest for a server that keeps failing are those of a remote guard.</remarks>
internal sealed class PacedServer : IDisposable
{
    private readonly RemoteServer _server;
    private readonly SemaphoreSlim _places;
    private readonly TokenBucketRateLimiter? _rate;

    /// <exception cref="GuardException">An option is out of range.</exception>
    public PacedServer(ChatOptions options)
    {
        options.Check();
        var remote = new RemoteGuardOptions
        {
            Endpoint = options.Endpoint,
            ApiKey = options.ApiKey,
            Model = options.Model,
            PromptVariant = PromptVariant.Clean,
            // A server that is busy may ask for a minute before each further attempt.
            TimeoutSeconds = Math.Min(3600, (options.TimeoutSeconds * (options.Retries + 1)) + (60 * options.Retries)),
            AttemptTimeoutSeconds = options.TimeoutSeconds,
            Retries = options.Retries,
            MaxConcurrency = options.Concurrency,
            RetryDelay = options.RetryDelay,
        };
        remote.Check();
        _server = new RemoteServer(remote, client: null, TimeProvider.System);
        _places = new SemaphoreSlim(options.Concurrency);
        _rate = options.RequestsPerMinute == 0 ? null : new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokenLimit = 1,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromMinutes(1 / options.RequestsPerMinute),
            QueueLimit = int.MaxValue,
            AutoReplenishment = true,
        });
    }

    /// <summary>Sends a body and gives back the answer's.</summary>
    /// <param name="path">Behind /v1/.</param>
    /// <param name="body">UTF-8 JSON.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RemoteGuardException">No answer came.</exception>
    public async Task<byte[]> PostAsync(string path, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_rate is not null)
            {
                using var lease = await _rate.AcquireAsync(1, cancellationToken).ConfigureAwait(false);
            }

            return await _server.PostAsync(path, body, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _places.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _server.Dispose();
        _places.Dispose();
        _rate?.Dispose();
    }
}
