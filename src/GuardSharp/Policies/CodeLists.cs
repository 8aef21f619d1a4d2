using System.Runtime.InteropServices;

namespace GuardSharp.Policies;

/// <summary>A list of codes under way: P(list so far), and once expanded what may follow.</summary>
internal sealed class CodeList(int[] codes, double mass)
{
    /// <summary>The codes so far, as places in the grammar's codes.</summary>
    public int[] Codes { get; } = codes;

    /// <summary>P(list so far), given unsafe.</summary>
    public double Mass { get; } = mass;

    /// <summary>By code: the list with it appended; null for a code it holds already. Null until expanded.</summary>
    public CodeList?[]? Next { get; set; }

    /// <summary>What the model would write next of all that is permitted: a code, or -1 to stop. Known once expanded.</summary>
    public int Greedy { get; set; } = -1;
}

/// <summary>Turns logits into q(code | list so far), renormalised over the permitted tokens at every token.</summary>
/// <remarks>Holds the logits of one conversation; used by one reader at a time.</remarks>
internal sealed class CodeLists(AnswerGrammar grammar, int[] prefix)
{
    private readonly Dictionary<string, float[]> _logits = [];
    private readonly List<int[]> _wanted = [];

    /// <summary>Expands lists; one call of the model serves all of them.</summary>
    public async ValueTask ExpandAsync(IReadOnlyList<CodeList> lists, IAnswerModel model, CancellationToken cancellationToken)
    {
        // The first walk finds the continuations whose logits are missing, the second has them all.
        foreach (var list in lists)
            Distribution(list);
        if (_wanted.Count > 0)
        {
            var rows = await model.NextLogitsAsync([.. _wanted], grammar.Tokens, cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < rows.Length; i++)
                _logits[Key(_wanted[i])] = rows[i];
            _wanted.Clear();
        }

        foreach (var list in lists)
        {
            var q = Distribution(list);
            list.Next = new CodeList?[q.Length];
            foreach (var code in Enumerable.Range(0, q.Length).Where(c => !list.Codes.Contains(c)))
                list.Next[code] = new CodeList([.. list.Codes, code], list.Mass * q[code]);
            list.Greedy = Greedy(list);
        }
    }

    /// <summary>q(code | list) by code; what is missing to 1 is q(stop | list).</summary>
    private double[] Distribution(CodeList list)
    {
        var q = new double[grammar.Codes.Count];
        Share(Root(list), [.. prefix, .. grammar.Encode(list.Codes)], list.Codes, 1, q, list.Codes.Length > 0);
        return q;
    }

    private CodeTrie.Node Root(CodeList list) => (list.Codes.Length == 0 ? grammar.First : grammar.Later).Root;

    /// <summary>Shares the mass of a place of the trie among its continuations.</summary>
    private void Share(CodeTrie.Node node, int[] ids, int[] used, double mass, double[] q, bool mayStop)
    {
        var children = Live(node, used);
        var closes = node.Code >= 0 && !used.Contains(node.Code);
        if (children.Count + (closes || mayStop ? 1 : 0) == 1)
        {
            // Only one way on: its probability is 1 whatever the logits say, and no forward pass is spent.
            if (closes)
                q[node.Code] += mass;
            else if (children.Count == 1)
                Share(children[0], [.. ids, children[0].Token], used, mass, q, mayStop: false);
            return;
        }

        var ends = closes ? Closing([.. used, node.Code]) : mayStop ? grammar.StopTokens : [];
        int[] permitted = [.. children.Select(c => c.Token), .. ends];
        var weights = Softmax(LogitsAt(ids), permitted);
        if (closes)
            q[node.Code] += mass * weights.Skip(children.Count).Sum();
        for (var i = 0; i < children.Count; i++)
            Share(children[i], [.. ids, children[i].Token], used, mass * weights[i], q, mayStop: false);
    }

    /// <summary>Follows the largest permitted logit from the end of a list to the end of its next code.</summary>
    private int Greedy(CodeList list)
    {
        var node = Root(list);
        List<int> ids = [.. prefix, .. grammar.Encode(list.Codes)];
        var mayStop = list.Codes.Length > 0;
        while (true)
        {
            var children = Live(node, list.Codes);
            var closes = node.Code >= 0 && !list.Codes.Contains(node.Code);
            var ends = closes ? Closing([.. list.Codes, node.Code]) : mayStop ? grammar.StopTokens : [];
            int[] permitted = [.. children.Select(c => c.Token), .. ends];
            var ways = children.Count + (closes || mayStop ? 1 : 0);
            var best = ways == 1 ? permitted[0] : Best(_logits[Key([.. ids])], permitted);
            if (node.Find(best) is not { } child || ends.Contains(best))
                return closes ? node.Code : -1;
            ids.Add(best);
            (node, mayStop) = (child, false);
        }
    }

    private int Best(float[] logits, int[] permitted) => permitted.MaxBy(t => logits[grammar.Column(t)]);

    /// <summary>The tokens that end a code: a stop, or the start of a further code that is not used yet.</summary>
    private IReadOnlyList<int> Closing(int[] used) =>
        [.. grammar.StopTokens, .. Live(grammar.Later.Root, used).Select(c => c.Token).Except(grammar.StopTokens)];

    private static List<CodeTrie.Node> Live(CodeTrie.Node node, int[] used) =>
        node.Children.FindAll(c => c.Below.Exists(code => !used.Contains(code)));

    private float[]? LogitsAt(int[] ids)
    {
        var key = Key(ids);
        if (_logits.TryGetValue(key, out var logits))
            return logits;
        if (!_wanted.Exists(w => w.AsSpan().SequenceEqual(ids)))
            _wanted.Add(ids);
        return null;
    }

    private double[] Softmax(float[]? logits, int[] tokens)
    {
        var weights = new double[tokens.Length];
        if (logits is null)
            return weights;
        var top = tokens.Max(t => logits[grammar.Column(t)]);
        for (var i = 0; i < tokens.Length; i++)
            weights[i] = Math.Exp((double)logits[grammar.Column(tokens[i])] - top);
        var sum = weights.Sum();
        for (var i = 0; i < weights.Length; i++)
            weights[i] /= sum;
        return weights;
    }

    /// <summary>The ids as a key: their bytes as characters, two for an id.</summary>
    private static string Key(int[] ids) => new(MemoryMarshal.Cast<int, char>(ids));
}
