namespace GuardSharp.Engine;

/// <summary>Something that was computed and may be used again.</summary>
internal abstract class KeptEntry
{
    /// <summary>Its place in the order of use; null while it is not kept.</summary>
    public LinkedListNode<KeptEntry>? Place { get; set; }

    /// <summary>When it was used last, in milliseconds of the machine's clock.</summary>
    public long LastUse { get; set; }

    /// <summary>Bytes it holds.</summary>
    public abstract long Bytes { get; }

    /// <summary>Whether nobody needs it now.</summary>
    public abstract bool MayGo { get; }

    /// <summary>Gives its memory back; it is kept no more.</summary>
    public abstract void Evict();
}

/// <summary>Entries in the order of their use, the least recently used out first. Belongs to the engine's thread.</summary>
/// <param name="budget">Bytes that may be kept; entries in use may exceed it until they are not.</param>
/// <param name="idleTime">How long an unused entry is kept.</param>
internal sealed class KeptEntries(long budget, TimeSpan idleTime)
{
    private readonly LinkedList<KeptEntry> _newestFirst = new();
    private long _bytes;

    /// <summary>Bytes of all entries. Safe from any thread.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Whether an entry of that size may be kept at all.</summary>
    public bool Fits(long bytes) => bytes <= budget;

    /// <summary>Keeps an entry as the one used last, and evicts what is beyond the budget.</summary>
    public void Add(KeptEntry entry)
    {
        entry.Place = _newestFirst.AddFirst(entry);
        entry.LastUse = Environment.TickCount64;
        Interlocked.Add(ref _bytes, entry.Bytes);
        Trim();
    }

    /// <summary>Makes an entry the one used last.</summary>
    public void Touch(KeptEntry entry)
    {
        if (entry.Place is { } place)
        {
            _newestFirst.Remove(place);
            _newestFirst.AddFirst(place);
            entry.LastUse = Environment.TickCount64;
        }
    }

    /// <summary>Keeps an entry no more; its memory is the caller's.</summary>
    public void Remove(KeptEntry entry)
    {
        if (entry.Place is { } place)
        {
            _newestFirst.Remove(place);
            entry.Place = null;
            Interlocked.Add(ref _bytes, -entry.Bytes);
        }
    }

    /// <summary>Evicts what is beyond the budget and not in use.</summary>
    public void Trim()
    {
        while (_bytes > budget && Oldest() is { } entry)
        {
            Remove(entry);
            entry.Evict();
        }
    }

    /// <summary>Evicts what was not used for too long. Returns how long the next entry has still to live; null where there is none.</summary>
    public TimeSpan? Expire()
    {
        while (Oldest() is { } entry)
        {
            var left = idleTime - TimeSpan.FromMilliseconds(Environment.TickCount64 - entry.LastUse);
            if (left > TimeSpan.Zero)
            {
                return left;
            }

            Remove(entry);
            entry.Evict();
        }

        return null;
    }

    private KeptEntry? Oldest()
    {
        var place = _newestFirst.Last;
        while (place is not null && !place.Value.MayGo)
        {
            place = place.Previous;
        }

        return place?.Value;
    }
}
