using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Makes and frees the engine's KV caches, and counts the bytes that live. Changed by the engine's thread alone.</summary>
internal sealed class CacheMemory(ITensorOps ops, NetworkShape shape)
{
    private long _bytes;

    /// <summary>Bytes of all living caches, pictures' included. Safe from any thread.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>An empty cache.</summary>
    /// <param name="capacity">Positions it can hold itself.</param>
    /// <param name="parent">The cache it stands on, if any.</param>
    /// <param name="start">Positions of the parent that it stands on.</param>
    public KvCache Create(int capacity, KvCache? parent, int start)
    {
        var cache = ops.CreateCache(shape.Layers, shape.KeyColumns, capacity, parent, start, shape.KeyHeads);
        Count(cache.Bytes);
        return cache;
    }

    /// <summary>About the bytes of <see cref="Shorten"/>'s result.</summary>
    public static long BytesOf(KvCache cache, int ownLength) => IsNearlyFull(cache, ownLength) ? cache.Bytes : cache.Bytes / cache.Capacity * ownLength;

    /// <summary>The first own positions of a cache, which is given up; in memory of their size where that saves an eighth or more.</summary>
    public KvCache Shorten(KvCache cache, int ownLength)
    {
        if (IsNearlyFull(cache, ownLength))
        {
            cache.Truncate(ownLength);
            return cache;
        }

        var copy = cache.CopyOf(ownLength);
        Count(copy.Bytes);
        Free(cache);
        return copy;
    }

    /// <summary>Frees a cache.</summary>
    public void Free(KvCache? cache)
    {
        if (cache is not null)
        {
            Count(-cache.Bytes);
            cache.Dispose();
        }
    }

    /// <summary>Counts memory that was made, or freed if negative, elsewhere.</summary>
    public void Count(long bytes) => Interlocked.Add(ref _bytes, bytes);

    private static bool IsNearlyFull(KvCache cache, int ownLength) => ownLength > cache.Capacity * 7L / 8;
}
