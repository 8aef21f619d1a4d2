namespace GuardSharp.Tests.Policies;

/// <summary>Enumerates every answer a policy allows, as token strings, and weighs each by the model: slow, and without any of the reader's code.</summary>
internal sealed class BruteForce
{
    private readonly List<(string[] Codes, int[] Ids)> _answers = [];
    private readonly Dictionary<string, SortedSet<int>> _permitted = [];

    public BruteForce(IReadOnlyList<string> codes, Func<string, int[]> encode, int[] stops)
    {
        foreach (var list in Lists(codes, []))
        {
            foreach (var stop in stops)
                _answers.Add((list, [.. encode("unsafe\n" + string.Join(',', list)), stop]));
        }

        foreach (var (_, ids) in _answers)
        {
            for (var i = 0; i < ids.Length; i++)
                Permitted(ids.AsSpan(0, i)).Add(ids[i]);
        }
    }

    /// <summary>P(code is in the list | unsafe), by code.</summary>
    public Dictionary<string, double> Probabilities(FakeModel model, int[] prefix)
    {
        var sums = new Dictionary<string, double>();
        foreach (var (codes, ids) in _answers)
        {
            var p = 1.0;
            for (var i = 0; i < ids.Length; i++)
            {
                int[] read = [.. prefix, .. ids[..i]];
                p *= Math.Exp(model.Logit(read, ids[i])) / Permitted(ids.AsSpan(0, i)).Sum(t => Math.Exp(model.Logit(read, t)));
            }

            foreach (var code in codes)
                sums[code] = sums.GetValueOrDefault(code) + p;
        }

        return sums;
    }

    /// <summary>The answer of greedy decoding that may write permitted tokens only.</summary>
    public string[] Greedy(FakeModel model, int[] prefix)
    {
        List<int> ids = [];
        while (true)
        {
            if (_answers.Find(a => a.Ids.SequenceEqual(ids)) is { Ids: not null } answer)
                return answer.Codes;
            ids.Add(Permitted([.. ids]).MaxBy(t => model.Logit([.. prefix, .. ids], t)));
        }
    }

    private SortedSet<int> Permitted(ReadOnlySpan<int> ids)
    {
        var key = string.Join(',', ids.ToArray());
        if (!_permitted.TryGetValue(key, out var set))
            _permitted.Add(key, set = []);
        return set;
    }

    private static IEnumerable<string[]> Lists(IReadOnlyList<string> codes, string[] sofar)
    {
        if (sofar.Length > 0)
            yield return sofar;
        foreach (var code in codes.Except(sofar))
        {
            foreach (var list in Lists(codes, [.. sofar, code]))
                yield return list;
        }
    }
}
