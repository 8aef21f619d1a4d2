using System.Buffers;

namespace GuardSharp.Tokenization;

/// <summary>The merging of byte-pair encoding: joins the neighbouring pair of best priority, leftmost first, until none joins (arXiv:1508.07909).</summary>
/// <param name="tokens">The vocabulary.</param>
/// <param name="merges">The merge list, or null where a pair's priority is the id of its concatenation (tiktoken files hold no list).</param>
internal sealed class PieceMerger(TokenTable tokens, MergeTable? merges)
{
    private const int MaxScanBytes = 48; // longer pieces take the heap: n log n instead of n^2

    /// <summary>Appends the ids of one piece.</summary>
    public void Append(ReadOnlySpan<byte> piece, List<int> ids)
    {
        if (piece.Length <= MaxScanBytes)
        {
            AppendByScan(piece, ids);
        }
        else
        {
            AppendByHeap(piece, ids);
        }
    }

    private void AppendByScan(ReadOnlySpan<byte> piece, List<int> ids)
    {
        Span<int> id = stackalloc int[MaxScanBytes];
        Span<int> start = stackalloc int[MaxScanBytes + 1];
        Span<int> rank = stackalloc int[MaxScanBytes]; // of joining part i with part i + 1
        var count = piece.Length;
        for (var i = 0; i < count; i++)
        {
            (id[i], start[i]) = (tokens.OfByte(piece[i]), i);
        }

        start[count] = count;
        for (var i = 0; i < count; i++)
        {
            rank[i] = i + 1 < count ? Rank(id[i], id[i + 1], piece[i..(i + 2)]) : int.MaxValue;
        }

        while (true)
        {
            var best = 0;
            for (var i = 1; i < count; i++)
            {
                best = rank[i] < rank[best] ? i : best;
            }

            if (count == 0 || rank[best] == int.MaxValue)
            {
                break;
            }

            id[best] = Merged(rank[best]);
            id[(best + 2)..count].CopyTo(id[(best + 1)..]);
            rank[(best + 2)..count].CopyTo(rank[(best + 1)..]);
            start[(best + 2)..(count + 1)].CopyTo(start[(best + 1)..]);
            count--;
            rank[best] = best + 1 < count ? Rank(id[best], id[best + 1], piece[start[best]..start[best + 2]]) : int.MaxValue;
            if (best > 0)
            {
                rank[best - 1] = Rank(id[best - 1], id[best], piece[start[best - 1]..start[best + 1]]);
            }
        }

        ids.AddRange(id[..count]);
    }

    // Parts are a linked list over the positions of their first bytes. A heap entry is stale when its part's rank has changed since.
    private void AppendByHeap(ReadOnlySpan<byte> piece, List<int> ids)
    {
        var count = piece.Length;
        var rented = ArrayPool<int>.Shared.Rent(4 * count);
        var id = rented.AsSpan(0, count);
        var rank = rented.AsSpan(count, count);
        var next = rented.AsSpan(2 * count, count);
        var previous = rented.AsSpan(3 * count, count);
        var heap = new PriorityQueue<int, long>(count);
        for (var i = 0; i < count; i++)
        {
            (id[i], rank[i], next[i], previous[i]) = (tokens.OfByte(piece[i]), int.MaxValue, i + 1, i - 1);
        }

        for (var i = 0; i + 1 < count; i++)
        {
            Rate(i, piece, id, rank, next, heap);
        }

        while (heap.TryDequeue(out var part, out var priority))
        {
            if (rank[part] == int.MaxValue || rank[part] != (int)(priority >> 32))
            {
                continue;
            }

            var joined = next[part];
            (id[part], next[part], rank[joined]) = (Merged(rank[part]), next[joined], int.MaxValue);
            Rate(part, piece, id, rank, next, heap);
            if (next[part] < count)
            {
                previous[next[part]] = part;
            }

            if (previous[part] >= 0)
            {
                Rate(previous[part], piece, id, rank, next, heap);
            }
        }

        for (var i = 0; i < count; i = next[i])
        {
            ids.Add(id[i]);
        }

        ArrayPool<int>.Shared.Return(rented);
    }

    private void Rate(int part, ReadOnlySpan<byte> piece, Span<int> id, Span<int> rank, Span<int> next, PriorityQueue<int, long> heap)
    {
        var right = next[part];
        rank[part] = right < piece.Length ? Rank(id[part], id[right], piece[part..next[right]]) : int.MaxValue;
        if (rank[part] != int.MaxValue)
        {
            heap.Enqueue(part, (long)rank[part] << 32 | (uint)part);
        }
    }

    private int Rank(int left, int right, ReadOnlySpan<byte> together)
    {
        if (merges is not null)
        {
            return merges.Rank(left, right);
        }

        var id = tokens.Find(together);
        return id >= 0 ? id : int.MaxValue;
    }

    private int Merged(int rank) => merges is null ? rank : merges.Merged(rank);
}
