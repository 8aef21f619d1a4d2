using GuardSharp.Server.Judging;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Bulk;

/// <summary>What became of a message.</summary>
/// <param name="Id">Its id; null: it has none that could be read.</param>
/// <param name="Result">Its result.</param>
/// <param name="Failure">Why it cannot be judged. Neither result nor failure: its result was there before.</param>
internal sealed record BulkOutcome(string? Id, BulkResult? Result, ApiException? Failure);

/// <summary>Judges messages: a result, or the reason why there will never be one. What may pass is waited for.</summary>
internal sealed partial class BulkJudge(VerdictService service, WorkerOptions options, TimeProvider time, ILogger<BulkJudge> log)
{
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(15);

    /// <summary>Judges a message.</summary>
    /// <param name="body">The message.</param>
    /// <param name="store">Where its result may already be; null: it was never given to a worker before.</param>
    /// <param name="cancellationToken">The worker was told to stop, or lost the message.</param>
    /// <exception cref="OperationCanceledException">The worker was told to stop, or lost the message.</exception>
    public async Task<BulkOutcome> JudgeAsync(ReadOnlyMemory<byte> body, IResultStore? store, CancellationToken cancellationToken)
    {
        string? id = null;
        for (var wait = TimeSpan.FromMilliseconds(250); ; wait = wait * 2 < _longestWait ? wait * 2 : _longestWait)
        {
            try
            {
                var message = BulkMessage.Read(body, options);
                id = message.Id;
                if (store is not null && await store.HoldsAsync(id, cancellationToken).ConfigureAwait(false))
                    return new BulkOutcome(id, null, null);
                var judgement = await service.JudgeAsync(message.Request, cancellationToken).ConfigureAwait(false);
                return new BulkOutcome(id, BulkResult.Of(id, judgement), null);
            }
            catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                var known = ApiError.Known(error);
                if (known?.Status is not (429 or 503))
                {
                    // Somebody has to look at it; the message itself holds the content, so the log needs none.
                    Unjudged(log, error, known?.Code ?? "internal_error");
                    return new BulkOutcome(id, null, known ?? new ApiException(500, "server_error", "The worker could not judge this; its log says why.", "internal_error"));
                }

                // The model's server is away, or the queue is full: the message is kept, and the broker sends no others in its place.
                Waiting(log, known.Code ?? "", wait.TotalSeconds);
            }

            await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(LogLevel.Warning, "A message cannot be judged ({Reason}) and becomes a dead letter.")]
    private static partial void Unjudged(ILogger log, Exception error, string reason);

    [LoggerMessage(LogLevel.Information, "A message waits ({Reason}); trying again in {Seconds} s.")]
    private static partial void Waiting(ILogger log, string reason, double seconds);
}
