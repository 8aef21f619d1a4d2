using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Streaming;

/// <summary>The inner model's stream: read one update at a time, never ahead, and ended at once when it is no longer wanted.</summary>
internal sealed class InnerStream : IAsyncDisposable
{
    private readonly CancellationTokenSource _cancellation;
    private readonly IAsyncEnumerator<ChatResponseUpdate> _updates;
    private Task<bool>? _next;
    private bool _ended;

    public InnerStream(IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _updates = client.GetStreamingResponseAsync(messages, options, _cancellation.Token).GetAsyncEnumerator(_cancellation.Token);
    }

    /// <summary>The update that was read last.</summary>
    public ChatResponseUpdate Current => _updates.Current;

    /// <summary>Begins to read the first update.</summary>
    public void Start() => _next ??= _updates.MoveNextAsync().AsTask();

    /// <summary>Reads the next update.</summary>
    public async ValueTask<bool> MoveNextAsync()
    {
        var more = _next is { } next ? await next.ConfigureAwait(false) : await _updates.MoveNextAsync().ConfigureAwait(false);
        _next = null;
        return more;
    }

    /// <summary>Cancels and ends the stream. One that does not look at its token is not waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ended)
            return;
        _ended = true;
        await _cancellation.CancelAsync().ConfigureAwait(false);
        if (_next is null)
            await EndAsync().ConfigureAwait(false);
        else
            _ = EndLaterAsync(_next);
    }

    private async Task EndLaterAsync(Task next)
    {
        await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await EndAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Nobody waits for this stream any more, and nothing of it was released.
        }
    }

    private async ValueTask EndAsync()
    {
        await _updates.DisposeAsync().ConfigureAwait(false);
        _cancellation.Dispose();
    }
}
