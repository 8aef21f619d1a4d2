using System.Collections.Concurrent;
using System.Diagnostics;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Token ids and pixels in, logits out: one bounded queue and one thread that owns the device. Knows nothing about text.</summary>
/// <remarks>
/// Its methods are safe from any thread. What waits together runs in one forward pass, rows laid end to end. Keys and values stay in it:
/// those of prefixes (policies), and of conversations and pictures as far as its options allow.
/// </remarks>
internal sealed class GuardEngine : IDisposable
{
    // A queue cannot be waited for much longer than three weeks at a time.
    private static readonly TimeSpan _longestWait = TimeSpan.FromHours(1);

    private readonly EngineOptions _options;
    private readonly ITensorOps _ops;
    private readonly EngineWorker _worker;
    private readonly BlockingCollection<EngineJob> _queue = [];
    private readonly ConcurrentQueue<PromptSession> _released = new();
    private readonly Thread _thread;
    private readonly int _tileLength;
    private int _disposed;
    private int _wakes;

    /// <param name="ops">The backend; owned by the engine from now on.</param>
    /// <param name="network">The network, built on <paramref name="ops"/>.</param>
    /// <param name="images">Where images stand in prompts.</param>
    /// <param name="options">Limits.</param>
    public GuardEngine(ITensorOps ops, IGuardNetwork network, TileTokens images, EngineOptions options)
    {
        _options = options;
        _ops = ops;
        _tileLength = images.TileLength;
        Admission = new Admission(options);
        Metrics = new EngineMetrics(options.Name);
        _worker = new EngineWorker(ops, network, images, options, Metrics);
        Metrics.Observe(() => Admission.Places, () => Admission.Work, () => _worker.CacheBytes, () => ops.FailedKernels.Count);
        _thread = new Thread(Work) { IsBackground = true, Name = "GuardSharp engine" };
        _thread.Start();
    }

    /// <summary>Names of computing kernels that failed their check and were replaced by slower ones.</summary>
    public IReadOnlyList<string> FailedKernels => _ops.FailedKernels;

    /// <summary>Whether it is ending.</summary>
    internal bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Bytes of all keys, values and encoded pictures that live now.</summary>
    public long LiveCacheBytes => _worker.LiveBytes;

    /// <summary>Decides which prompts may wait.</summary>
    internal Admission Admission { get; }

    /// <summary>What it tells of its work.</summary>
    internal EngineMetrics Metrics { get; }

    /// <summary>Reads a prompt.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="cancellation">Gives it up: what was read of it is freed before the next pass.</param>
    /// <param name="tokens">Tokens whose logits right behind the prompt are wanted with it (<see cref="PromptSession.FirstLogits"/>); null: none.</param>
    /// <param name="reserved">The place it was given before its size was known; null: it is given one now.</param>
    /// <exception cref="QueueFullException">Too many prompts or too much work waits.</exception>
    public async Task<PromptSession> ReadAsync(EncodedPrompt prompt, CancellationToken cancellation, int[]? tokens = null, Admission.Place? reserved = null)
    {
        var work = Admission.WorkOf(prompt, _tileLength);
        using var place = reserved ?? Admission.Enter(work);
        reserved?.Resize(work);
        var session = new PromptSession(this, prompt, cancellation);
        try
        {
            foreach (var image in prompt.Images)
            {
                // Hashed here, by the caller's thread: the engine's has other work.
                _ = image.Digest;
            }

            // A prefix that reads the picture behind it (model note M4) is this picture's alone.
            var own = _worker.MaySharePrefix(prompt) ? prompt : prompt with { Prefix = [], Rest = prompt.AllIds() };
            var job = new ReadPromptJob(own, session, tokens, cancellation);
            Enqueue(job);
            await job.Task.WaitAsync(cancellation).ConfigureAwait(false);
            place.Read();
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
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
            Metrics.Dispose();
        }
    }

    // Questions are not refused: each belongs to a prompt that was let in, and ends it.
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
            // One wake-up waits already.
            return;
        }

        try
        {
            _queue.Add(WakeJob.Instance);
        }
        catch (InvalidOperationException)
        {
            // The engine is ending and frees everything.
        }
    }

    private void Enqueue(EngineJob job)
    {
        try
        {
            _queue.Add(job);
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(GuardEngine), "The guard was disposed.");
        }
    }

    private void Work()
    {
        while (!_queue.IsCompleted)
        {
            TakeJobs();
            FreeReleased();
            if (!IsDisposed)
            {
                _worker.Step();
            }
        }

        // Also what came in before the end and was read in part.
        _worker.Abandon(() => new ObjectDisposedException(nameof(GuardEngine), "The guard was disposed while this conversation waited."));
        FreeReleased();
        _worker.Dispose();
    }

    /// <summary>Takes all jobs that wait; with nothing to compute it waits for one, or until something kept has to be forgotten.</summary>
    private void TakeJobs()
    {
        var nextExpiry = _worker.Expire();
        var wait = !_worker.IsIdle ? TimeSpan.Zero : nextExpiry is null ? Timeout.InfiniteTimeSpan : nextExpiry < _longestWait ? nextExpiry.Value : _longestWait;
        long? first = _worker.IsIdle && _options.MaxBatchWait > TimeSpan.Zero ? null : 0;
        while (_queue.TryTake(out var job, wait))
        {
            wait = TimeSpan.Zero;
            if (first != 0 && job is ReadPromptJob && Admission.Work < _options.MaxBatchTokens)
            {
                // Nothing to do yet: what comes soon goes along.
                first ??= Stopwatch.GetTimestamp();
                wait = _options.MaxBatchWait - Stopwatch.GetElapsedTime(first.Value) is { Ticks: > 0 } left ? left : TimeSpan.Zero;
            }

            if (job.Cancellation.IsCancellationRequested)
            {
                job.Cancel();
            }
            else
            {
                _worker.Add(job);
            }
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
