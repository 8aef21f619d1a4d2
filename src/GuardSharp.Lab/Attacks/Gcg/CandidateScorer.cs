using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>A network without gradients that reads candidates in batches.</summary>
/// <param name="ops">The backend.</param>
/// <param name="network">The network on it.</param>
/// <param name="batchTokens">Rows of one pass.</param>
internal sealed class CandidateScorer(ITensorOps ops, IGuardNetwork network, int batchTokens)
{
    /// <summary>Suffixes that were read through to a verdict.</summary>
    public long Queries { get; private set; }

    /// <summary>Reads what stands before a suffix, once for all that is asked about it.</summary>
    public ScoredPrompt Open(VerdictPrompt prompt)
    {
        var before = Cache(prompt.Before.Length, null, null);
        for (var start = 0; start < prompt.Before.Length; start += batchTokens)
        {
            using var scope = ops.Scope();
            int[] ids = prompt.Before[start..Math.Min(prompt.Before.Length, start + batchTokens)];
            ForwardPass.Run(ops, network, network.Embed(ids), [SequenceSpan.Self(0, ids.Length, before)], lastRows: [1]);
        }

        return new ScoredPrompt(this, prompt, before);
    }

    /// <summary>Rows of one pass.</summary>
    internal int BatchTokens => batchTokens;

    internal KvCache Cache(int capacity, KvCache? parent, int? start) =>
        ops.CreateCache(network.Shape.Layers, network.Shape.KeyColumns, capacity, parent, start, network.Shape.KeyHeads);

    /// <summary>The log-odds of "unsafe" behind each sequence.</summary>
    /// <exception cref="GuardException">A logit is no finite number.</exception>
    internal double[] Pass(VerdictPrompt prompt, IReadOnlyList<(int[] Ids, KvCache Cache)> batch)
    {
        using var scope = ops.Scope();
        var spans = new SequenceSpan[batch.Count];
        var ids = new List<int>();
        for (var i = 0; i < spans.Length; i++)
        {
            spans[i] = SequenceSpan.Self(ids.Count, batch[i].Ids.Length, batch[i].Cache);
            ids.AddRange(batch[i].Ids);
        }

        int[] lastRows = [.. Enumerable.Repeat(1, spans.Length)];
        var hidden = ForwardPass.Run(ops, network, network.Embed([.. ids]), spans, lastRows: lastRows);
        var logits = network.Logits(network.Final(hidden, [.. Enumerable.Range(0, hidden.Rows)]), [prompt.Safe, prompt.Unsafe]);   // [batch, 2]
        var numbers = new float[logits.Length];
        ops.Read(logits, numbers);
        Queries += batch.Count;
        var odds = new double[batch.Count];
        for (var i = 0; i < odds.Length; i++)
        {
            odds[i] = (double)numbers[(2 * i) + 1] - numbers[2 * i];
        }

        return Array.TrueForAll(odds, double.IsFinite) ? odds : throw new GuardException(
            "The model's logits hold infinite numbers or none at all, so there is nothing to attack. The weights are damaged or overflow.");
    }
}

/// <summary>The log-odds of "unsafe" of many candidates of one prompt, without reading anything twice.</summary>
/// <remarks>
/// What stands before the suffix is read once for all steps. The suffix as it stands is read once a step; a candidate that differs in its
/// i-th token stands on the first i of it, so half of a suffix is read on average. KV caches are chains (decision 0017): all of that is shared, not copied.
/// </remarks>
internal sealed class ScoredPrompt : IDisposable
{
    private readonly CandidateScorer _scorer;
    private readonly VerdictPrompt _prompt;
    private readonly KvCache _before;
    private KvCache? _current;

    internal ScoredPrompt(CandidateScorer scorer, VerdictPrompt prompt, KvCache before) => (_scorer, _prompt, _before) = (scorer, prompt, before);

    /// <summary>Reads the suffix that candidates are made of.</summary>
    /// <returns>Its log-odds.</returns>
    public double Read(int[] suffix)
    {
        _current?.Dispose();
        int[] ids = [.. suffix, .. _prompt.After];
        _current = _scorer.Cache(ids.Length, _before, null);
        return _scorer.Pass(_prompt, [(ids, _current)])[0];
    }

    /// <summary>The log-odds of candidates of the suffix that was read last.</summary>
    public double[] Score(IReadOnlyList<Candidate> candidates, CancellationToken cancellation)
    {
        var scores = new double[candidates.Count];
        for (var next = 0; next < scores.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            var batch = new List<(int[] Ids, KvCache Cache)>();
            try
            {
                Fill(batch, candidates, next);
                _scorer.Pass(_prompt, batch).CopyTo(scores, next);
                next += batch.Count;
            }
            finally
            {
                batch.ForEach(entry => entry.Cache.Dispose());
            }
        }

        return scores;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _current?.Dispose();
        _before.Dispose();
    }

    private void Fill(List<(int[] Ids, KvCache Cache)> batch, IReadOnlyList<Candidate> candidates, int first)
    {
        for (var rows = 0; first + batch.Count < candidates.Count;)
        {
            var candidate = candidates[first + batch.Count];
            int[] ids = [.. candidate.Ids.AsSpan(candidate.Position), .. _prompt.After];
            if (batch.Count > 0 && rows + ids.Length > _scorer.BatchTokens)
            {
                break;
            }

            batch.Add((ids, _scorer.Cache(ids.Length, _current, _prompt.Before.Length + candidate.Position)));
            rows += ids.Length;
        }
    }
}
