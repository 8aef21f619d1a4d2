using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace GuardSharp.Remote;

/// <summary>How often a server is asked: time limits, further attempts, and a rest for a server that keeps failing.</summary>
internal static class AttemptPolicy
{
    private const double FailureRatio = 0.5;
    private const int MinimumAttempts = 10;
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(30);

    /// <summary>From the outside in: the verdict's time, attempts, the circuit, the attempt's time.</summary>
    public static ResiliencePipeline Build(RemoteGuardOptions options, TimeProvider time) => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddTimeout(TimeSpan.FromSeconds(options.TimeoutSeconds))
        .AddPipeline(options.Retries > 0 ? Attempts(options, time) : ResiliencePipeline.Empty)
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<AttemptFailure>(failure => !failure.IsBusy).Handle<TimeoutRejectedException>(),
            FailureRatio = FailureRatio,
            MinimumThroughput = MinimumAttempts,
            SamplingDuration = _window,
            BreakDuration = TimeSpan.FromSeconds(options.CircuitBreakSeconds),
        })
        .AddTimeout(TimeSpan.FromSeconds(options.AttemptTimeoutSeconds))
        .Build();

    private static ResiliencePipeline Attempts(RemoteGuardOptions options, TimeProvider time) => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            // A wait that is longer than the verdict may take is the caller's to wait.
            ShouldHandle = new PredicateBuilder().Handle<AttemptFailure>(failure => !(failure.Wait?.TotalSeconds > options.TimeoutSeconds)).Handle<TimeoutRejectedException>(),
            MaxRetryAttempts = options.Retries,
            Delay = options.RetryDelay,
            MaxDelay = TimeSpan.FromSeconds(10),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as AttemptFailure)?.Wait),
        })
        .Build();
}
