namespace GuardSharp.Tensors;

/// <summary>One sequence of a batch: which rows are its queries and its new keys, and where they stand.</summary>
/// <param name="QueryRow">First query row.</param>
/// <param name="QueryCount">Number of query rows.</param>
/// <param name="KeyRow">First row of the new keys and values (for self-attention: QueryRow).</param>
/// <param name="KeyCount">Number of new keys and values (for self-attention: QueryCount).</param>
/// <param name="Position">Absolute position of the first query and, in self-attention, of the first new key, but for <paramref name="QueryOffset"/>.</param>
/// <param name="Cache">Keys and values of earlier positions, to which the new ones are appended; null: there are none and nothing is stored.</param>
/// <param name="Window">The positions of the cache that the queries see; null: all. For cross-attention, where some queries see a part of what is held.</param>
/// <param name="QueryOffset">How far the first query stands behind <paramref name="Position"/>: above 0 where only the last rows of a sequence ask.</param>
internal readonly record struct SequenceSpan(
    int QueryRow, int QueryCount, int KeyRow, int KeyCount, int Position, KvCache? Cache, CacheWindow? Window = null, int QueryOffset = 0)
{
    /// <summary>Positions of the cache that are seen.</summary>
    public int CachedKeys => Window?.Count ?? Cache?.Length ?? 0;

    /// <summary>Whether a window lies inside what the cache holds.</summary>
    public bool WindowFits => Window is not { } window || (window.Start >= 0 && window.Count >= 0 && (long)window.Start + window.Count <= (Cache?.Length ?? 0));

    /// <summary>Self-attention over <paramref name="count"/> rows from <paramref name="row"/> on; with a cache they follow what it holds.</summary>
    public static SequenceSpan Self(int row, int count, KvCache? cache = null) => new(row, count, row, count, cache?.Length ?? 0, cache);
}

/// <summary>Neighbouring positions of a cache.</summary>
/// <param name="Start">The first.</param>
/// <param name="Count">How many.</param>
internal readonly record struct CacheWindow(int Start, int Count)
{
    /// <summary>The first position behind it.</summary>
    public int End => Start + Count;
}

/// <summary>Which keys a query may see.</summary>
internal enum AttentionMask
{
    /// <summary>Keys at positions up to the query's.</summary>
    Causal,

    /// <summary>Causal, and in the same chunk: position / ChunkSize equal (model note L5).</summary>
    Chunked,

    /// <summary>All keys of the sequence.</summary>
    Full,
}

/// <summary>Everything attention has to know beside the numbers. The only place that sees sequences, masks and caches.</summary>
/// <param name="Sequences">The sequences of the batch.</param>
/// <param name="Layer">Layer index: selects the slot in the caches.</param>
/// <param name="Heads">Query heads H; q is [N, H * HeadSize].</param>
/// <param name="KeyHeads">Key and value heads K; H is a multiple of K; k and v are [M, K * HeadSize].</param>
/// <param name="HeadSize">Numbers per head D.</param>
/// <param name="Scale">Factor of q·k before the softmax.</param>
/// <param name="Mask">Which keys a query sees.</param>
/// <param name="ChunkSize">Positions per chunk, for <see cref="AttentionMask.Chunked"/>.</param>
internal readonly record struct AttentionPlan(
    IReadOnlyList<SequenceSpan> Sequences, int Layer, int Heads, int KeyHeads, int HeadSize, float Scale, AttentionMask Mask, int ChunkSize = 0);

/// <summary>Keys and values of a sequence's positions so far, for every layer. A cache may stand on the first positions of a parent: the parent is then shared and frozen.</summary>
/// <remarks>
/// Attention writes the new keys of a layer behind <see cref="Length"/>; the runner calls <see cref="Advance"/> once when all layers have run.
/// Not safe for concurrent writers; a frozen parent may be read by any number of children at once, and must outlive them.
/// </remarks>
internal abstract class KvCache : IDisposable
{
    /// <param name="parent">The shared beginning, or null.</param>
    /// <param name="start">Positions of the parent that this cache stands on; null: all it holds.</param>
    /// <param name="capacity">Positions the cache itself can hold.</param>
    protected KvCache(KvCache? parent, int? start, int capacity)
    {
        var held = parent?.Length ?? 0;
        if (start is < 0 || start > held)
        {
            throw new ArgumentOutOfRangeException(nameof(start), start, $"A cache can stand on the {held} positions that its parent holds, no more.");
        }

        (Parent, Start, Capacity) = (parent, start ?? held, capacity);
    }

    /// <summary>The shared beginning, or null.</summary>
    public KvCache? Parent { get; }

    /// <summary>Positions of the parent that it stands on, those of the parent's own parents counted: the position of its own first token.</summary>
    public int Start { get; }

    /// <summary>Positions this cache can hold itself, the parent's not counted.</summary>
    public int Capacity { get; }

    /// <summary>Bytes of memory that it holds itself.</summary>
    public abstract long Bytes { get; }

    /// <summary>Positions held by this cache itself.</summary>
    public int OwnLength { get; private set; }

    /// <summary>Positions held, the parent's included: the position of the next token.</summary>
    public int Length => Start + OwnLength;

    /// <summary>Makes <paramref name="count"/> written positions part of the cache.</summary>
    public void Advance(int count)
    {
        if (OwnLength + count > Capacity)
        {
            throw new InvalidOperationException($"The KV cache holds {Capacity} positions of its own; {OwnLength + count} are needed.");
        }

        OwnLength += count;
    }

    /// <summary>Forgets the positions from <paramref name="ownLength"/> on.</summary>
    public void Truncate(int ownLength) => OwnLength = Math.Min(OwnLength, ownLength);

    /// <summary>A copy of the first own positions in memory of exactly their size, on the same parent.</summary>
    /// <param name="ownLength">How many, at most <see cref="OwnLength"/>.</param>
    public abstract KvCache CopyOf(int ownLength);

    /// <inheritdoc/>
    public abstract void Dispose();
}
