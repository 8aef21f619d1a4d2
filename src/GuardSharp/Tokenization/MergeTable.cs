namespace GuardSharp.Tokenization;

/// <summary>The merge list of a <c>tokenizer.json</c>: which two tokens join, in which order of priority, into which token.</summary>
/// <param name="file">For messages.</param>
internal sealed class MergeTable(string file)
{
    // Open addressing. Arrays of ints, not of structs: these load before the first verdict, and generics over structs of ours cost JIT time.
    private ulong[] _pairs = new ulong[512]; // left << 32 | right
    private int[] _ranks = new int[512]; // rank + 1; 0 is free
    private int[] _merged = new int[256];

    /// <summary>Number of merges.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a merge with a lower priority than all before.</summary>
    /// <exception cref="CheckpointException">The pair stands twice.</exception>
    public void Add(int left, int right, int merged)
    {
        if (Count == _merged.Length)
        {
            Grow();
        }

        var pair = Pair(left, right);
        var slot = Slot(pair);
        if (_ranks[slot] != 0)
        {
            throw new CheckpointException($"{file}: \"model.merges\" holds the pair of tokens {left} and {right} twice, at {_ranks[slot] - 1} and {Count}.");
        }

        _merged[Count++] = merged;
        (_pairs[slot], _ranks[slot]) = (pair, Count);
    }

    /// <summary>The priority of joining two tokens, 0 first, or <see cref="int.MaxValue"/> if they do not join.</summary>
    public int Rank(int left, int right)
    {
        var rank = _ranks[Slot(Pair(left, right))];
        return rank == 0 ? int.MaxValue : rank - 1;
    }

    /// <summary>The token that the merge of this priority makes.</summary>
    public int Merged(int rank) => _merged[rank];

    /// <summary>All merges, highest priority first. For writing a vocabulary.</summary>
    public (int Left, int Right)[] Pairs()
    {
        var pairs = new (int Left, int Right)[Count];
        for (var slot = 0; slot < _pairs.Length; slot++)
        {
            if (_ranks[slot] != 0)
            {
                pairs[_ranks[slot] - 1] = ((int)(_pairs[slot] >> 32), (int)(uint)_pairs[slot]);
            }
        }

        return pairs;
    }

    private static ulong Pair(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

    private int Slot(ulong pair)
    {
        var mask = _pairs.Length - 1;
        var slot = (int)((pair * 0x9E3779B97F4A7C15) >> 32) & mask; // 2^64 / golden ratio
        while (_ranks[slot] != 0 && _pairs[slot] != pair)
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }

    private void Grow()
    {
        var (pairs, ranks) = (_pairs, _ranks);
        Array.Resize(ref _merged, 2 * _merged.Length);
        (_pairs, _ranks) = (new ulong[2 * pairs.Length], new int[2 * ranks.Length]);
        for (var i = 0; i < pairs.Length; i++)
        {
            if (ranks[i] != 0)
            {
                var slot = Slot(pairs[i]);
                (_pairs[slot], _ranks[slot]) = (pairs[i], ranks[i]);
            }
        }
    }
}
