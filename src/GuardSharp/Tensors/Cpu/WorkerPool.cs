using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Threads that share the items of a job with the calling thread.</summary>
/// <remarks>
/// Items are handed out one by one, so a thread that the system holds up delays one item only, and one that wakes late delays nothing.
/// A worker spins for a moment after its last item (the next operation usually follows at once), then sleeps. One caller at a time.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>How long a worker spins before it sleeps: longer than the gaps between the operations of a layer.</summary>
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    private readonly Thread[] workers;
    private readonly AutoResetEvent[] wakeUp;
    private readonly int[] asleep;

    // (generation << 32) + next item. A worker takes an item by a compare-and-swap of both at once, so it can never take one of a job it did not look at.
    private long ticket;
    private int items;
    private int finished;
    private ParallelJob? job;
    private Exception? failure;
    private volatile bool disposed;

    /// <param name="threads">Threads in all, the calling one included.</param>
    /// <param name="preparation">What the first worker does before its first job, beside the caller; not done where there is no worker.</param>
    public WorkerPool(int threads, Action? preparation = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        workers = new Thread[threads - 1];
        wakeUp = new AutoResetEvent[threads - 1];
        asleep = new int[threads - 1];
        for (var i = 0; i < workers.Length; i++)
        {
            var index = i;
            wakeUp[i] = new AutoResetEvent(false);
            var start = i == 0 ? preparation : null;
            workers[i] = new Thread(() => Work(index, start)) { IsBackground = true, Name = $"GuardSharp worker {i + 1}" };
            workers[i].Start();
        }
    }

    /// <summary>Threads that may work at once, the calling one included.</summary>
    public int Threads { get; }

    /// <summary>Runs all items and returns when all are done. An exception of any item is thrown here.</summary>
    /// <param name="work">The job; the pool holds it only during the call.</param>
    /// <param name="count">Number of items.</param>
    /// <param name="parallel">False: the calling thread does all, and no worker wakes. For work of a few microseconds.</param>
    public void Run(ParallelJob work, int count, bool parallel = true)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (!parallel || count < 2 || workers.Length == 0)
        {
            for (var i = 0; i < count; i++)
            {
                work.Run(i, 0);
            }

            return;
        }

        // A worker that is late still holds the last ticket: without the close below it could find the new job's fields behind the old generation.
        var generation = (ticket >> 32) + 1;
        Interlocked.Exchange(ref ticket, (ticket & ~(long)uint.MaxValue) | int.MaxValue);
        job = work;
        items = count;
        Volatile.Write(ref finished, 0);
        Interlocked.Exchange(ref ticket, generation << 32);
        Wake(Math.Min(workers.Length, count - 1));
        TakeItems(generation, 0);
        var wait = default(SpinWait);
        while (Volatile.Read(ref finished) < count)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }

        job = null;
        if (Interlocked.Exchange(ref failure, null) is { } error)
        {
            ExceptionDispatchInfo.Throw(error);
        }
    }

    public void Dispose()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        for (var i = 0; i < workers.Length; i++)
        {
            wakeUp[i].Set();
            workers[i].Join();
            wakeUp[i].Dispose();
        }
    }

    private void Wake(int count)
    {
        for (var i = 0; i < count; i++)
        {
            if (Interlocked.Exchange(ref asleep[i], 0) == 1)
            {
                wakeUp[i].Set();
            }
        }
    }

    private void Work(int index, Action? preparation)
    {
        preparation?.Invoke();
        long seen = 0;
        while (!disposed)
        {
            WaitForTicket(seen, index);
            seen = Volatile.Read(ref ticket) >> 32;
            TakeItems(seen, index + 1);
        }
    }

    private void WaitForTicket(long seen, int index)
    {
        var start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref ticket) >> 32 == seen && !disposed)
        {
            if (Stopwatch.GetTimestamp() - start < SpinTicks)
            {
                Thread.SpinWait(8);
                continue;
            }

            Interlocked.Exchange(ref asleep[index], 1);
            // A job that came before the line above has not seen this worker asleep.
            if (Volatile.Read(ref ticket) >> 32 == seen && !disposed)
            {
                wakeUp[index].WaitOne();
            }

            Volatile.Write(ref asleep[index], 0);
            start = Stopwatch.GetTimestamp();
        }
    }

    private void TakeItems(long generation, int worker)
    {
        while (true)
        {
            var current = Volatile.Read(ref ticket);
            // Read before the swap: while the ticket is unchanged, an item is open, so the job is the one these fields describe.
            var (work, count) = (job, items);
            var item = (int)current;
            if (current >> 32 != generation || item >= count || work is null)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref ticket, current + 1, current) == current)
            {
                try
                {
                    work.Run(item, worker);
                }
                catch (Exception error)
                {
                    Interlocked.CompareExchange(ref failure, error, null);
                }

                Interlocked.Increment(ref finished);
            }
        }
    }
}
