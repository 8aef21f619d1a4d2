using System.Text;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab.Training;

/// <summary>Merges in order of priority and the tokens they make. Two merges may make the same token ("a"+"bc", "ab"+"c"): it keeps one id.</summary>
internal sealed class MergeList
{
    private readonly List<(int Left, int Right)> _merges = [];
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _pairs = [];
    private readonly List<byte[]> _tokens = [.. Enumerable.Range(0, 256).Select(value => new[] { (byte)value })];
    private readonly Dictionary<string, int> _ids = [];

    /// <summary>Starts with the 256 bytes.</summary>
    public MergeList()
    {
        foreach (var token in _tokens)
        {
            _ids.Add(ByteLevelAlphabet.Spell(token), token[0]);
        }
    }

    /// <summary>Ids of the joined pairs, highest priority first.</summary>
    public IReadOnlyList<(int Left, int Right)> Merges => _merges;

    /// <summary>Bytes of each token, by id.</summary>
    public IReadOnlyList<byte[]> Tokens => _tokens;

    /// <summary>Adds a merge with the lowest priority, unless it is there.</summary>
    /// <returns>The id of the token it makes.</returns>
    public int Add((int Left, int Right) pair)
    {
        if (_pairs.TryGetValue(pair, out var known))
        {
            return known.Merged;
        }

        byte[] token = [.. _tokens[pair.Left], .. _tokens[pair.Right]];
        var merged = _tokens.Count;
        if (!_ids.TryAdd(ByteLevelAlphabet.Spell(token), merged))
        {
            merged = _ids[ByteLevelAlphabet.Spell(token)];
        }
        else
        {
            _tokens.Add(token);
        }

        _pairs.Add(pair, (_merges.Count, merged));
        _merges.Add(pair);
        return merged;
    }

    /// <summary>A list of the first merges of this one.</summary>
    public MergeList First(int count)
    {
        var first = new MergeList();
        foreach (var merge in _merges.Take(count))
        {
            first.Add(merge);
        }

        return first;
    }

    /// <summary>Adds what is needed for a word to be one token.</summary>
    public void AddWholeWord(string word)
    {
        // A new merge has the lowest priority, so it acts on what the older ones leave.
        for (var parts = Encode(word); parts.Count > 1; parts = Encode(word))
        {
            Add((parts[0], parts[1]));
        }
    }

    private List<int> Encode(string word)
    {
        var parts = Encoding.UTF8.GetBytes(word).Select(value => (int)value).ToList();
        while (true)
        {
            var (best, at) = ((Rank: int.MaxValue, Merged: -1), -1);
            for (var i = 0; i + 1 < parts.Count; i++)
            {
                if (_pairs.TryGetValue((parts[i], parts[i + 1]), out var merge) && merge.Rank < best.Rank)
                {
                    (best, at) = (merge, i);
                }
            }

            if (at < 0)
            {
                return parts;
            }

            parts[at] = best.Merged;
            parts.RemoveAt(at + 1);
        }
    }
}
