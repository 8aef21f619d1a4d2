using System.ClientModel;
using System.Runtime.CompilerServices;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Chat;

/// <summary>The upstream model with a limit of time, whose every failure is an error that a client of this server can understand.</summary>
/// <remarks>Nothing of what the upstream says about an error is passed on: it may quote the chat.</remarks>
internal sealed partial class UpstreamClient(IChatClient inner, TimeSpan timeout, TimeProvider time, ILogger log) : DelegatingChatClient(inner)
{
    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var response = await base.GetResponseAsync(messages, options, ended.Token).WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            return response.FinishReason is not null ? response : throw Cut();
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            await ended.CancelAsync().ConfigureAwait(false);
            throw Known(error);
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var updates = base.GetStreamingResponseAsync(messages, options, ended.Token).GetAsyncEnumerator(ended.Token);
        Task<bool>? next = null;
        var finished = false;
        try
        {
            while (true)
            {
                try
                {
                    next = updates.MoveNextAsync().AsTask();
                    if (!await next.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false))
                        break;
                }
                catch (Exception error) when (!cancellationToken.IsCancellationRequested)
                {
                    throw Known(error);
                }

                finished |= updates.Current.FinishReason is not null;
                yield return updates.Current;
            }

            // Half an answer must not pass for a whole one.
            if (!finished)
                throw Cut();
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await EndAsync(updates, next).ConfigureAwait(false);
        }
    }

    // An upstream that does not stop when it is told to must not hold the request up.
    private static async ValueTask EndAsync(IAsyncEnumerator<ChatResponseUpdate> updates, Task<bool>? next)
    {
        if (next is null or { IsCompleted: true })
            await updates.DisposeAsync().ConfigureAwait(false);
        else
            _ = next.ContinueWith(async task =>
            {
                _ = task.Exception;
                await updates.DisposeAsync().ConfigureAwait(false);
            }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private ApiException Known(Exception error)
    {
        if (error is ApiException known)
            return known;
        var status = (error as ClientResultException)?.Status ?? 0;
        Failed(log, error.GetType().Name, status);
        return (error, status) switch
        {
            (TimeoutException or OperationCanceledException, _) => new ApiException(504, "server_error", "The upstream model did not answer in time. Try again later.", "upstream_timeout"),
            (_, 429) => ApiException.TooMany("The upstream model has too much to do. Try again later.", "upstream_busy", TimeSpan.FromSeconds(5)),
            (_, 400 or 413 or 422) => ApiException.BadRequest("The upstream model refuses this request: check its parameters, and whether it is too long.", code: "upstream_refused"),
            _ => new ApiException(502, "server_error", "The upstream model failed or sent what is no answer. Try again later.", "upstream_error"),
        };
    }

    private ApiException Cut()
    {
        Failed(log, "no finish reason", 0);
        return new ApiException(502, "server_error", "The upstream model's answer broke off. Try again later.", "upstream_error");
    }

    [LoggerMessage(LogLevel.Error, "The upstream model failed: {Kind}, status {Status}.")]
    private static partial void Failed(ILogger log, string kind, int status);
}
