using System.Numerics;

namespace GuardSharp.Tokenization;

/// <summary>The merge list of a <c>tokenizer.json</c>: which two tokens join, in which order of priority, into which token.</summary>
internal sealed class MergeTable
{
    private const ulong Free = ulong.MaxValue;

    private readonly int[] _merged;
    private readonly ulong[] _pairs; // left << 32 | right
    private readonly int[] _ranks;

    /// <summary>Indexes the merges.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="merges">Left token, right token and the token they make; the first has the highest priority.</param>
    /// <exception cref="CheckpointException">A pair stands twice.</exception>
    public MergeTable(string file, IReadOnlyList<(int Left, int Right, int Merged)> merges)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, 2 * merges.Count));
        _merged = new int[merges.Count];
        _ranks = new int[size];
        _pairs = new ulong[size];
        Array.Fill(_pairs, Free);
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right, merged) = merges[rank];
            var slot = Slot(left, right);
            if (_pairs[slot] != Free)
            {
                throw new CheckpointException($"{file}: \"model.merges\" holds the pair of tokens {left} and {right} twice, at {_ranks[slot]} and {rank}.");
            }

            (_pairs[slot], _ranks[slot], _merged[rank]) = (Pair(left, right), rank, merged);
        }
    }

    /// <summary>The priority of joining two tokens, 0 first, or <see cref="int.MaxValue"/> if they do not join.</summary>
    public int Rank(int left, int right)
    {
        var slot = Slot(left, right);
        return _pairs[slot] == Free ? int.MaxValue : _ranks[slot];
    }

    /// <summary>The token that the merge of this priority makes.</summary>
    public int Merged(int rank) => _merged[rank];

    private static ulong Pair(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

    private int Slot(int left, int right)
    {
        var pair = Pair(left, right);
        var mask = _pairs.Length - 1;
        var slot = (int)((pair * 0x9E3779B97F4A7C15) >> 32) & mask;
        while (_pairs[slot] != Free && _pairs[slot] != pair)
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }
}
