using System.Threading.Channels;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>A decision on its way to the store.</summary>
/// <param name="Row">The decision.</param>
/// <param name="Stored">Told when it is committed; null: nobody waits.</param>
internal sealed record PendingDecision(DecisionRow Row, TaskCompletionSource? Stored);

/// <summary>Decisions that wait for the next commit, of bounded size.</summary>
/// <remarks>Any thread adds, one takes.</remarks>
internal sealed class DecisionQueue(long maxBytes)
{
    private readonly Channel<PendingDecision> _channel = Channel.CreateUnbounded<PendingDecision>(new UnboundedChannelOptions { SingleReader = true });
    private long _bytes;
    private int _count;

    /// <summary>How many wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Adds a decision.</summary>
    /// <returns>False: too much waits already, or nothing is taken any more.</returns>
    public bool TryAdd(PendingDecision decision)
    {
        // One decision fits however large it is; otherwise a single picture could never be recorded.
        var size = decision.Row.Size;
        if (Interlocked.Add(ref _bytes, size) is var total && total > maxBytes && total > size)
        {
            Interlocked.Add(ref _bytes, -size);
            return false;
        }

        Interlocked.Increment(ref _count);
        if (_channel.Writer.TryWrite(decision))
        {
            return true;
        }

        Forget(1, size);
        return false;
    }

    /// <summary>Waits until something waits.</summary>
    /// <returns>False: nothing will come any more.</returns>
    public ValueTask<bool> WaitAsync() => _channel.Reader.WaitToReadAsync();

    /// <summary>Takes what waits, oldest first.</summary>
    public List<PendingDecision> Take(int maxRows, long maxBatchBytes)
    {
        var taken = new List<PendingDecision>();
        long bytes = 0;
        while (taken.Count < maxRows && bytes < maxBatchBytes && _channel.Reader.TryRead(out var decision))
        {
            bytes += decision.Row.Size;
            taken.Add(decision);
        }

        Forget(taken.Count, bytes);
        return taken;
    }

    /// <summary>Takes no more.</summary>
    public void Complete() => _channel.Writer.TryComplete();

    private void Forget(int count, long bytes)
    {
        Interlocked.Add(ref _count, -count);
        Interlocked.Add(ref _bytes, -bytes);
    }
}
