using System.Diagnostics;

namespace GuardSharp.Engine;

/// <summary>Decides which prompts may wait: by their number, by their work together, and by the time that work takes. Safe from any thread.</summary>
/// <remarks>Work is counted in tokens; a tile of a picture counts as some. How long work takes is learnt from the prompts that were read.</remarks>
internal sealed class Admission(EngineOptions options)
{
    /// <summary>Tokens that a tile's way through the vision encoder counts for, beside its own: between 30 (Llama Guard 4) and 125 (Llama Guard 3 Vision) by their numbers of operations.</summary>
    public const int TokensPerTile = 64;

    // Of each new prompt about as much as of the ten before it: cold caches are forgotten within some prompts.
    private const double Memory = 0.9;

    private readonly Lock _lock = new();
    private int _places;
    private long _work;
    private double _times;
    private double _squares;

    /// <summary>Prompts that wait or are being read.</summary>
    public int Places
    {
        get
        {
            lock (_lock)
            {
                return _places;
            }
        }
    }

    /// <summary>Their work, in tokens.</summary>
    public long Work
    {
        get
        {
            lock (_lock)
            {
                return _work;
            }
        }
    }

    /// <summary>What a prompt counts for.</summary>
    public static long WorkOf(EncodedPrompt prompt, int tileLength)
    {
        // The policy in front is read once for all.
        var work = (long)prompt.Rest.Length;
        foreach (var image in prompt.Images)
        {
            work += (long)TokensPerTile * (image.Pixels.Length / tileLength);
        }

        return work;
    }

    /// <summary>Lets a prompt in.</summary>
    /// <param name="work">Its tokens.</param>
    /// <returns>Its place; dispose it when the prompt is read or given up.</returns>
    /// <exception cref="QueueFullException">Too many prompts or too much work waits.</exception>
    public Place Enter(long work)
    {
        lock (_lock)
        {
            var wait = TimeFor(_work + work);
            if (_places >= options.QueueCapacity)
            {
                throw new QueueFullException(options.QueueCapacity, wait);
            }

            // What is more than the limit by itself is let in alone: no limit may refuse it forever.
            if (_places > 0 && _work + work > options.MaxQueuedTokens)
            {
                throw new QueueFullException($"The guard's queue is full: {_work} tokens wait, {work} more would be beyond {options.MaxQueuedTokens}. Try again later, send less at once, or raise MaxQueuedTokens.", wait);
            }

            if (_places > 0 && wait > options.MaxQueueWait)
            {
                throw new QueueFullException(
                    $"The guard's queue is full: {_work} tokens wait, which takes longer than the {options.MaxQueueWait.Value.TotalSeconds:0.###} s that are allowed. Try again later, send less at once, or raise MaxQueueWaitSeconds.", wait);
            }

            _places++;
            _work += work;
            return new Place(this, work, _work);
        }
    }

    private TimeSpan? TimeFor(long work) => _squares > 0 ? TimeSpan.FromSeconds(Math.Min(_times / _squares * work, TimeSpan.FromDays(1).TotalSeconds)) : null;

    /// <summary>A prompt's place in the queue.</summary>
    internal sealed class Place(Admission admission, long work, long ahead) : IDisposable
    {
        private readonly long _entered = Stopwatch.GetTimestamp();
        private long _work = work;
        private bool _left;

        /// <summary>Says what the prompt's work really is, where it was only guessed before.</summary>
        public void Resize(long work)
        {
            lock (admission._lock)
            {
                admission._work += work - _work;
                ahead += work - _work;
                _work = work;
            }
        }

        /// <summary>The prompt is read: what its work and all before it took says how long more of it takes.</summary>
        public void Read()
        {
            var seconds = Stopwatch.GetElapsedTime(_entered).TotalSeconds;
            lock (admission._lock)
            {
                // The line through the origin that fits best: prompts that waited for much count most.
                admission._times = (Memory * admission._times) + (seconds * ahead);
                admission._squares = (Memory * admission._squares) + ((double)ahead * ahead);
            }
        }

        public void Dispose()
        {
            lock (admission._lock)
            {
                if (!_left)
                {
                    _left = true;
                    admission._places--;
                    admission._work -= _work;
                }
            }
        }
    }
}
