using System.Collections.Concurrent;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Token ids and pixels in, logits out: one bounded queue and one thread that owns the device. Knows nothing about text.</summary>
/// <remarks>
/// Its methods are safe from any thread. Jobs that wait together run in one forward pass, rows laid end to end.
/// Content never leaves it: it keeps keys and values of prefixes only (policies), never of conversations.
/// </remarks>
internal sealed class GuardEngine : IDisposable
{
    private readonly EngineOptions _options;
    private readonly EngineWorker _worker;
    private readonly BlockingCollection<EngineJob> _queue;
    private readonly ConcurrentQueue<PromptSession> _released = new();
    private readonly Thread _thread;
    private int _disposed;
    private int _wakes;

    /// <param name="ops">The backend; owned by the engine from now on.</param>
    /// <param name="network">The network, built on <paramref name="ops"/>.</param>
    /// <param name="images">Where images stand in prompts.</param>
    /// <param name="options">Limits.</param>
    public GuardEngine(ITensorOps ops, IGuardNetwork network, TileTokens images, EngineOptions options)
    {
        _options = options;
        _worker = new EngineWorker(ops, network, images, options);
        _queue = new BlockingCollection<EngineJob>(options.QueueCapacity);
        _thread = new Thread(Work) { IsBackground = true, Name = "GuardSharp engine" };
        _thread.Start();
    }

    /// <summary>Reads a prompt.</summary>
    /// <exception cref="QueueFullException">Too many jobs wait.</exception>
    public async Task<PromptSession> ReadAsync(EncodedPrompt prompt, CancellationToken cancellation)
    {
        var session = new PromptSession(this);
        try
        {
            // A prefix that reads the picture behind it (model note M4) is this picture's alone.
            var own = _worker.MaySharePrefix(prompt) ? prompt : prompt with { Prefix = [], Rest = [.. prompt.Prefix, .. prompt.Rest] };
            var job = new ReadPromptJob(own, session, cancellation);
            Enqueue(job);
            await job.Task.WaitAsync(cancellation).ConfigureAwait(false);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    internal Task<float[][]> NextLogitsAsync(NextLogitsJob job)
    {
        Enqueue(job);
        return job.Task.WaitAsync(job.Cancellation);
    }

    internal void Release(PromptSession session)
    {
        // Caches belong to the engine's thread; it frees them between two passes, at the latest when it ends.
        _released.Enqueue(session);
        if (Interlocked.Exchange(ref _wakes, 1) == 1)
        {
            // One wake-up waits already; more would only take places of real work.
            return;
        }

        try
        {
            _queue.TryAdd(WakeJob.Instance);
        }
        catch (InvalidOperationException)
        {
            // The engine is ending and frees everything.
        }
    }

    /// <summary>Stops the thread: the running pass ends, waiting jobs fail.</summary>
    public void Dispose()
    {
        var isFirst = Interlocked.Exchange(ref _disposed, 1) == 0;
        if (isFirst)
        {
            _queue.CompleteAdding();
        }

        // Whoever disposes second waits as well: its caller unmaps the weights that the thread may still read.
        _thread.Join();
        if (isFirst)
        {
            _queue.Dispose();
        }
    }

    private void Enqueue(EngineJob job)
    {
        try
        {
            if (!_queue.TryAdd(job))
            {
                throw new QueueFullException(_options.QueueCapacity);
            }
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(GuardEngine), "The guard was disposed.");
        }
    }

    private void Work()
    {
        var batch = new List<EngineJob>();
        while (_queue.TryTake(out var first, Timeout.Infinite))
        {
            FreeReleased();
            batch.Clear();
            Take(first, batch);
            var rows = first.Rows;
            while (rows < _options.MaxBatchTokens && _queue.TryTake(out var next))
            {
                Take(next, batch);
                rows += next.Rows;
            }

            if (batch.Count > 0)
            {
                Run(batch);
            }
        }

        FreeReleased();
        _worker.Dispose();
    }

    private void Take(EngineJob job, List<EngineJob> batch)
    {
        if (job is WakeJob)
        {
            return;
        }

        if (Volatile.Read(ref _disposed) != 0)
        {
            job.Fail(new ObjectDisposedException(nameof(GuardEngine), "The guard was disposed while this conversation waited."));
        }
        else if (job.Cancellation.IsCancellationRequested)
        {
            job.Cancel();
        }
        else
        {
            batch.Add(job);
        }
    }

    private void Run(List<EngineJob> batch)
    {
        try
        {
            _worker.Run(batch);
        }
        catch (Exception) when (batch.Count > 1)
        {
            // One bad job must not fail its neighbours: each runs again alone and keeps its own error.
            foreach (var job in batch)
            {
                Run([job]);
            }
        }
        catch (Exception error)
        {
            batch[0].Fail(error);
        }
    }

    private void FreeReleased()
    {
        Interlocked.Exchange(ref _wakes, 0);
        while (_released.TryDequeue(out var session))
        {
            _worker.Free(session);
        }
    }
}
