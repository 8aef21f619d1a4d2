using System.Runtime.InteropServices;
using System.Text;

namespace GuardSharp.Lab.Training;

/// <summary>The greedy part of BPE training: joins the most frequent pair again and again, keeping the pair counts up to date.</summary>
internal sealed class PairLearner
{
    private readonly List<int[]> _pieces = []; // ids of each different piece
    private readonly List<long> _counts = [];
    private readonly Dictionary<(int Left, int Right), long> _pairs = [];
    private readonly Dictionary<(int Left, int Right), HashSet<int>> _places = []; // pieces that hold, or once held, the pair
    private readonly PriorityQueue<(int Left, int Right), (long NegativeCount, int Left, int Right)> _queue = new();
    private readonly MergeList _merges = new();
    private readonly int _maxTokenBytes;

    /// <summary>Takes the different pieces of the texts and how often each stands in them.</summary>
    public PairLearner(Dictionary<string, long> pieces, int maxTokenBytes)
    {
        _maxTokenBytes = maxTokenBytes;
        foreach (var (piece, count) in pieces.OrderBy(piece => piece.Key, StringComparer.Ordinal))
        {
            _pieces.Add([.. Encoding.UTF8.GetBytes(piece).Select(value => (int)value)]);
            _counts.Add(count);
            Count(_pieces.Count - 1, null);
        }

        foreach (var pair in _pairs.Keys)
        {
            Enqueue(pair);
        }
    }

    /// <summary>Learns until there are <paramref name="wanted"/> tokens; a pair that stands only once is no merge. Equal counts: the lower ids first.</summary>
    public MergeList Learn(int wanted)
    {
        const long MinCount = 2;
        while (_merges.Tokens.Count < wanted && _queue.TryDequeue(out var pair, out var priority))
        {
            // An entry is stale when the count has changed since; the change was queued too.
            if (_pairs.TryGetValue(pair, out var count) && count == -priority.NegativeCount && count >= MinCount)
            {
                Join(pair, _merges.Add(pair));
            }
        }

        return _merges;
    }

    private void Join((int Left, int Right) pair, int merged)
    {
        var changed = new HashSet<(int, int)>();
        _places.Remove(pair, out var places);
        foreach (var place in places!)
        {
            var piece = _pieces[place];
            if (!Holds(piece, pair))
            {
                continue;
            }

            Count(place, changed, sign: -1);
            _pieces[place] = Replace(piece, pair, merged);
            Count(place, changed);
        }

        _pairs.Remove(pair);
        foreach (var other in changed)
        {
            Enqueue(other);
        }
    }

    private void Count(int place, HashSet<(int, int)>? changed, int sign = 1)
    {
        var piece = _pieces[place];
        for (var i = 0; i + 1 < piece.Length; i++)
        {
            var pair = (piece[i], piece[i + 1]);
            CollectionsMarshal.GetValueRefOrAddDefault(_pairs, pair, out _) += sign * _counts[place];
            changed?.Add(pair);
            if (sign > 0)
            {
                (CollectionsMarshal.GetValueRefOrAddDefault(_places, pair, out _) ??= []).Add(place);
            }
        }
    }

    private void Enqueue((int Left, int Right) pair)
    {
        if (_pairs.TryGetValue(pair, out var count) && count > 0 && _merges.Tokens[pair.Left].Length + _merges.Tokens[pair.Right].Length <= _maxTokenBytes)
        {
            _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
        }
    }

    private static bool Holds(int[] piece, (int Left, int Right) pair)
    {
        for (var i = 0; i + 1 < piece.Length; i++)
        {
            if (piece[i] == pair.Left && piece[i + 1] == pair.Right)
            {
                return true;
            }
        }

        return false;
    }

    private static int[] Replace(int[] piece, (int Left, int Right) pair, int merged)
    {
        var result = new List<int>(piece.Length);
        for (var i = 0; i < piece.Length; i++)
        {
            if (i + 1 < piece.Length && piece[i] == pair.Left && piece[i + 1] == pair.Right)
            {
                result.Add(merged);
                i++;
            }
            else
            {
                result.Add(piece[i]);
            }
        }

        return [.. result];
    }
}
