namespace GuardSharp.Policies;

/// <summary>Expands the lists of codes of one answer best first and adds up the categories' probabilities.</summary>
internal sealed class CategorySearch
{
    private readonly AnswerGrammar _grammar;
    private readonly ReadingOptions _options;
    private readonly CodeLists _lists;
    private readonly PriorityQueue<CodeList, double> _open = new();
    private readonly double[] _sums;
    private readonly double _u;
    private readonly double _tolerance;
    private readonly int _maxExpansions;
    private CodeList? _greedy;
    private readonly List<int> _answer = [];
    private double _unexpanded = 1;

    public CategorySearch(AnswerGrammar grammar, ReadingOptions options, int[] prefix, double u)
    {
        (_grammar, _options, _u) = (grammar, options, u);
        _lists = new CodeLists(grammar, prefix);
        _sums = new double[grammar.Codes.Count];
        // A threshold below the tolerance could not be reached by probabilities that are only known to the tolerance.
        _tolerance = Math.Min(options.CategoryTolerance, options.CategoryThresholds.Values.DefaultIfEmpty(1).Min() / 2);
        _maxExpansions = options.FirstCodeOnly ? 1 : options.MaxExpansions;
        var root = new CodeList([], 1);
        _open.Enqueue(root, -root.Mass);
        _greedy = u >= options.Threshold ? root : null;
    }

    /// <summary>What a true probability can exceed its value by.</summary>
    public double Uncertainty => _u * Math.Max(0, _unexpanded);

    /// <summary>How many lists were expanded.</summary>
    public int Expansions { get; private set; }

    /// <summary>The categories' probabilities so far, by code.</summary>
    public Dictionary<string, double> Probabilities() =>
        Enumerable.Range(0, _sums.Length).ToDictionary(k => _grammar.Codes[k], k => _u * _sums[k]);

    /// <summary>The greedy list if u reaches the threshold, then categories that reach their own.</summary>
    public List<string> Categories()
    {
        List<string> codes = [.. _answer.Select(k => _grammar.Codes[k])];
        for (var k = 0; k < _sums.Length; k++)
        {
            var code = _grammar.Codes[k];
            if (_options.CategoryThresholds.TryGetValue(code, out var threshold) && _u * _sums[k] >= threshold && !codes.Contains(code))
                codes.Add(code);
        }

        return codes;
    }

    public async ValueTask RunAsync(IAnswerModel model, CancellationToken cancellationToken)
    {
        while (NextBatch() is { Count: > 0 } batch)
        {
            await _lists.ExpandAsync(batch, model, cancellationToken).ConfigureAwait(false);
            foreach (var list in batch)
                Count(list);
            FollowGreedy();
        }
    }

    /// <summary>The greedy list first, for it must come to its end, then the heaviest lists until little enough mass would be left.</summary>
    private List<CodeList> NextBatch()
    {
        List<CodeList> batch = [];
        var left = _unexpanded;
        if (_greedy is not null)
        {
            batch.Add(_greedy);
            left -= _greedy.Mass;
        }

        while (_u * _unexpanded > _tolerance && (batch.Count == 0 || _u * left > _tolerance / 2)
            && batch.Count < _options.MaxBatch && Expansions + batch.Count < _maxExpansions && _open.TryDequeue(out var list, out _))
        {
            if (list.Next is not null || ReferenceEquals(list, _greedy))
                continue;
            batch.Add(list);
            left -= list.Mass;
        }

        return batch;
    }

    private void Count(CodeList list)
    {
        Expansions++;
        _unexpanded -= list.Mass;
        for (var k = 0; k < _sums.Length; k++)
        {
            if (list.Next![k] is not { } next)
                continue;
            _sums[k] += next.Mass;
            // Nothing can follow a list of all codes.
            if (next.Codes.Length == _sums.Length)
                continue;
            _unexpanded += next.Mass;
            _open.Enqueue(next, -next.Mass);
        }
    }

    private void FollowGreedy()
    {
        while (_greedy?.Next is { } next)
        {
            var code = _greedy.Greedy;
            if (code < 0)
            {
                _greedy = null;
                return;
            }

            _answer.Add(code);
            var full = _answer.Count == _sums.Length || _options.FirstCodeOnly;
            _greedy = full ? null : next[code];
        }
    }
}
