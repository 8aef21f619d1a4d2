using System.Runtime.InteropServices;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>A prefix whose keys and values are kept.</summary>
/// <param name="ids">The ids.</param>
/// <param name="cache">Their keys and values, frozen.</param>
internal sealed class PrefixEntry(int[] ids, KvCache cache)
{
    public int[] Ids { get; } = ids;

    public KvCache Cache { get; } = cache;

    /// <summary>Living sessions that stand on it.</summary>
    public int Users { get; set; }

    /// <summary>When it was used last, counted in uses of the cache.</summary>
    public long LastUse { get; set; }
}

/// <summary>Keys and values of the prefixes used last, least recently used out first. Belongs to the engine's thread.</summary>
/// <param name="capacity">Entries kept beside those in use.</param>
internal sealed class PrefixCache(int capacity) : IDisposable
{
    private readonly Dictionary<int, List<PrefixEntry>> _entries = [];
    private int _count;
    private long _uses;

    /// <summary>The entry of exactly these ids, or null.</summary>
    public PrefixEntry? Find(int[] ids)
    {
        var entry = _entries.TryGetValue(HashOf(ids), out var sameHash) ? sameHash.Find(e => e.Ids.AsSpan().SequenceEqual(ids)) : null;
        if (entry is not null)
        {
            entry.LastUse = ++_uses;
        }

        return entry;
    }

    /// <summary>Adds a prefix and evicts what is beyond the capacity and not in use.</summary>
    public PrefixEntry Add(int[] ids, KvCache cache)
    {
        var entry = new PrefixEntry(ids, cache) { LastUse = ++_uses, Users = 1 };
        (CollectionsMarshal.GetValueRefOrAddDefault(_entries, HashOf(ids), out _) ??= []).Add(entry);
        _count++;
        Trim();
        entry.Users--;
        return entry;
    }

    /// <summary>Evicts what is beyond the capacity and not in use.</summary>
    public void Trim()
    {
        while (_count > capacity)
        {
            var oldest = _entries.Values.SelectMany(e => e).Where(e => e.Users == 0).MinBy(e => e.LastUse);
            if (oldest is null)
            {
                return;
            }

            var hash = HashOf(oldest.Ids);
            if (_entries[hash].Remove(oldest) && _entries[hash].Count == 0)
            {
                _entries.Remove(hash);
            }

            oldest.Cache.Dispose();
            _count--;
        }
    }

    public void Dispose()
    {
        foreach (var entry in _entries.Values.SelectMany(e => e))
        {
            entry.Cache.Dispose();
        }

        _entries.Clear();
        _count = 0;
    }

    private static int HashOf(int[] ids)
    {
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes<int>(ids));
        return hash.ToHashCode();
    }
}
