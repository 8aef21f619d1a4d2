using System.Runtime.InteropServices;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Keys and values that prompts may begin with: those of a policy, or of a conversation that stands on one.</summary>
/// <param name="keys">The keys of its own positions.</param>
/// <param name="cache">Their keys and values, frozen; null for the beginning of prompts without a policy, which holds nothing.</param>
/// <param name="parent">The entry it stands on; null for a policy.</param>
/// <param name="owner">The cache that it is part of.</param>
internal sealed class CachedPrompt(long[] keys, KvCache? cache, CachedPrompt? parent, PromptCache owner) : KeptEntry
{
    private readonly CachedPrompt? _policy = parent?.Policy;
    private Dictionary<(int At, long Key), CachedPrompt>? _children;

    public long[] Keys { get; } = keys;

    public KvCache? Cache { get; } = cache;

    public CachedPrompt? Parent { get; } = parent;

    /// <summary>The policy below it, or itself.</summary>
    public CachedPrompt Policy => _policy ?? this;

    /// <summary>The first position behind it.</summary>
    public int End => (Cache?.Start ?? 0) + Keys.Length;

    /// <summary>Prompts that stand on it and are being read or asked.</summary>
    public int Users { get; set; }

    /// <summary>Of a policy: prompts that stand on it or on any entry above it.</summary>
    public int AllUsers { get; set; }

    public IReadOnlyCollection<CachedPrompt> Children => _children is null ? [] : _children.Values;

    public override long Bytes => Cache?.Bytes ?? 0;

    public override bool MayGo => Users == 0 && _children is null or { Count: 0 };

    /// <summary>The entry that goes on behind a position of this one with a key. There is one at most, so the walk to the longest beginning never has a choice.</summary>
    public CachedPrompt? ChildAt(int position, long key) => _children?.GetValueOrDefault((position, key));

    public void Add(CachedPrompt child) => (_children ??= []).Add((child.Cache!.Start, child.Keys[0]), child);

    public void Remove(CachedPrompt child) => _children!.Remove((child.Cache!.Start, child.Keys[0]));

    public override void Evict() => owner.Free(this);
}

/// <summary>Keys and values of policies, least recently used out beyond a number, and of the conversations read last, within a budget of bytes.</summary>
/// <remarks>
/// A tree: a conversation's entry stands on the first positions of another's, at last on its policy's, and is found by comparing keys, never
/// by a hash alone. What somebody stands on is never freed. Belongs to the engine's thread.
/// </remarks>
internal sealed class PromptCache : IDisposable
{
    private readonly Dictionary<long[], CachedPrompt> _policies = new(new SameKeys());
    private readonly KeptEntries _kept;
    private readonly CachedPrompt _bare;
    private readonly CacheMemory _memory;
    private readonly int _policyCapacity;
    private long _uses;

    /// <param name="memory">Frees what is evicted.</param>
    /// <param name="options">Limits.</param>
    public PromptCache(CacheMemory memory, EngineOptions options)
    {
        (_memory, _policyCapacity) = (memory, options.CachedPrefixes);
        _kept = new KeptEntries(options.ConversationCacheBytes, options.CacheIdleTime);
        _bare = new CachedPrompt([], null, null, this);
    }

    /// <summary>Bytes of conversations that are kept. Safe from any thread.</summary>
    public long ConversationBytes => _kept.Bytes;

    /// <summary>The entry of exactly these keys of a policy, or null. No keys: the beginning of prompts without a policy.</summary>
    public CachedPrompt? FindPolicy(long[] keys)
    {
        var entry = keys.Length == 0 ? _bare : _policies.GetValueOrDefault(keys);
        entry?.LastUse = ++_uses;
        return entry;
    }

    /// <summary>Keeps a policy; the cache is owned from now on.</summary>
    public CachedPrompt AddPolicy(long[] keys, KvCache cache)
    {
        var entry = new CachedPrompt(keys, cache, null, this) { LastUse = ++_uses };
        _policies.Add(keys, entry);
        return entry;
    }

    /// <summary>The longest beginning of a prompt that is known.</summary>
    /// <param name="policy">Its policy.</param>
    /// <param name="keys">Its keys.</param>
    /// <returns>The entry to stand on, and how many positions of it and its parents.</returns>
    public (CachedPrompt Entry, int Length) Find(CachedPrompt policy, long[] keys)
    {
        // The last token is always read anew: its row gives the verdict.
        var limit = keys.Length - 1;
        var (entry, length) = (policy, policy.End);
        while (length < limit && entry.ChildAt(length, keys[length]) is { } child)
        {
            length += child.Keys.AsSpan().CommonPrefixLength(keys.AsSpan(length, limit - length));
            entry = child;
        }

        Touch(entry);
        return (entry, length);
    }

    /// <summary>Keeps what a prompt's session has read beyond the entry it stands on, if there is room and nobody was faster. The cache is owned from now on.</summary>
    /// <param name="below">The entry it stands on, held by the caller.</param>
    /// <param name="keys">The prompt's keys.</param>
    /// <param name="cache">Its keys and values.</param>
    /// <param name="reusable">How many positions, from the prompt's first on, are worth keeping.</param>
    public void Keep(CachedPrompt below, long[] keys, KvCache cache, int reusable)
    {
        var own = Math.Min(reusable, cache.Length) - cache.Start;
        if (own <= 0 || !_kept.Fits(CacheMemory.BytesOf(cache, own)) || below.ChildAt(cache.Start, keys[cache.Start]) is not null)
        {
            _memory.Free(cache);
            return;
        }

        var entry = new CachedPrompt(keys[cache.Start..(cache.Start + own)], _memory.Shorten(cache, own), below, this);
        below.Add(entry);
        _kept.Add(entry);
        Touch(entry);
    }

    /// <summary>Nobody frees an entry that is held.</summary>
    public static void Hold(CachedPrompt entry)
    {
        entry.Users++;
        entry.Policy.AllUsers++;
    }

    /// <summary>Ends a <see cref="Hold"/>.</summary>
    public void Release(CachedPrompt entry)
    {
        entry.Users--;
        entry.Policy.AllUsers--;
        Trim();
    }

    /// <summary>Evicts what is beyond the limits and not in use.</summary>
    public void Trim()
    {
        _kept.Trim();
        while (_policies.Count > _policyCapacity && _policies.Values.Where(p => p.AllUsers == 0).MinBy(p => p.LastUse) is { } oldest)
        {
            _policies.Remove(oldest.Keys);
            FreeTree(oldest);
        }
    }

    /// <summary>Evicts conversations that were not used for too long. Returns how long the next one has still to live.</summary>
    public TimeSpan? Expire() => _kept.Expire();

    /// <summary>Frees an evicted entry.</summary>
    public void Free(CachedPrompt entry)
    {
        entry.Parent?.Remove(entry);
        _memory.Free(entry.Cache);
    }

    public void Dispose()
    {
        foreach (var policy in _policies.Values.Append(_bare))
        {
            FreeTree(policy);
        }

        _policies.Clear();
    }

    private void FreeTree(CachedPrompt entry)
    {
        // Leaves first, without recursion: a long chat is a long chain.
        var open = new Stack<CachedPrompt>([entry]);
        var order = new List<CachedPrompt>();
        while (open.TryPop(out var next))
        {
            order.Add(next);
            foreach (var child in next.Children)
            {
                open.Push(child);
            }
        }

        for (var i = order.Count - 1; i >= 0; i--)
        {
            _kept.Remove(order[i]);
            Free(order[i]);
        }
    }

    /// <summary>What an entry stands on was used too, and after it: so the entry used longest ago never has another on it.</summary>
    private void Touch(CachedPrompt entry)
    {
        for (var next = entry; next is not null; next = next.Parent)
        {
            _kept.Touch(next);
        }
    }

    private sealed class SameKeys : IEqualityComparer<long[]>
    {
        public bool Equals(long[]? x, long[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(long[] keys)
        {
            var hash = default(HashCode);
            hash.AddBytes(MemoryMarshal.AsBytes<long>(keys));
            return hash.ToHashCode();
        }
    }
}
