using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>Attention in the shapes of the guards, against the processor's peak in the same run, with keys and values kept in every type.</summary>
internal static class AttentionBenchmark
{
    public static void Run(int threads, int rounds)
    {
        Measure("vision tile, 577 patches, 16 heads of 88", 577, 1, 0, new Heads(16, 16, 88), AttentionMask.Full, threads, rounds);
        Measure("4 vision tiles", 577, 4, 0, new Heads(16, 16, 88), AttentionMask.Full, threads, rounds);
        Measure("text, 512 tokens, 32 heads of 64 on 8", 512, 1, 0, new Heads(32, 8, 64), AttentionMask.Causal, threads, rounds);
        Measure("text, 512 tokens behind 1,536, 40 heads of 128 on 8", 512, 1, 1536, new Heads(40, 8, 128), AttentionMask.Causal, threads, rounds);
        Measure("text, 25 tokens, 4 heads of 64 on 2", 25, 1, 0, new Heads(4, 2, 64), AttentionMask.Causal, threads, rounds);
        Measure("14 answers of 3 tokens, 32 heads of 64 on 8", 3, 14, 0, new Heads(32, 8, 64), AttentionMask.Causal, threads, rounds);
        Measure("14 answers of 3 tokens behind 450, 32 heads of 64 on 8", 3, 14, 450, new Heads(32, 8, 64), AttentionMask.Causal, threads, rounds);
        Measure("1 token behind 8,191, 40 heads of 128 on 8", 1, 1, 8191, new Heads(40, 8, 128), AttentionMask.Causal, threads, rounds);
    }

    private static void Measure(string title, int rows, int sequences, int before, Heads heads, AttentionMask mask, int threads, int rounds)
    {
        using var pool = new WorkerPool(threads);
        var peak = new FmaPeak();
        var cases = new List<Case>();
        if (before == 0)
        {
            cases.Add(new Case(null, rows, sequences, before, heads, mask, threads));
        }

        if (mask == AttentionMask.Causal)
        {
            cases.AddRange(Enum.GetValues<KeyValueType>().Select(type => new Case(type, rows, sequences, before, heads, mask, threads)));
        }

        Stopwatches.Compare($"\n{title}, {threads} threads", rounds,
        [
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
            .. cases.Select(c => (c.Name, c.Operations, (Action)c.Attend)),
        ]);
        cases.ForEach(c => c.Dispose());
    }

    private sealed record Heads(int Queries, int Keys, int Size);

    /// <summary>Attention with its numbers: without caches, or with those of a type.</summary>
    private sealed class Case : IDisposable
    {
        private readonly Random random = new(1);
        private readonly List<KvCache> caches = [];
        private readonly CpuOps ops;
        private readonly Tensor q;
        private readonly Tensor k;
        private readonly Tensor v;
        private readonly AttentionPlan plan;

        public Case(KeyValueType? type, int rows, int sequences, int before, Heads heads, AttentionMask mask, int threads)
        {
            ops = new CpuOps(threads, keyValues: type ?? KeyValueType.F32);
            Name = type is null ? "attention" : $"cached in {type}";
            var all = Math.Max(rows * sequences, before);
            (q, k, v) = (Numbers(all, heads.Queries * heads.Size), Numbers(all, heads.Keys * heads.Size), Numbers(all, heads.Keys * heads.Size));
            plan = new AttentionPlan([], 0, heads.Queries, heads.Keys, heads.Size, 0.125f, mask);
            if (type is not null)
            {
                Remember(heads, before, rows, sequences);
            }

            plan = plan with
            {
                Sequences = [.. Enumerable.Range(0, sequences).Select(i => SequenceSpan.Self(i * rows, rows, type is null ? null : caches[i + 1]))],
            };
            // Two products per score; half the scores among the new rows are hidden under the causal mask.
            Operations = 4.0 * rows * (before + (mask == AttentionMask.Full ? rows : (rows + 1) / 2.0)) * sequences * heads.Queries * heads.Size;
        }

        public string Name { get; }

        public double Operations { get; }

        public void Attend()
        {
            using var inner = ops.Scope();
            ops.Attention(q, k, v, plan);
        }

        public void Dispose()
        {
            caches.ForEach(cache => cache.Dispose());
            ops.Dispose();
        }

        /// <summary>A cache of what stands before, and one for the new rows of every sequence.</summary>
        private void Remember(Heads heads, int before, int rows, int sequences)
        {
            using var scope = ops.Scope();
            var columns = heads.Keys * heads.Size;
            caches.Add(ops.CreateCache(1, columns, before, heads: heads.Keys));
            ops.Attention(q, k, v, plan with { Sequences = [new SequenceSpan(0, 0, 0, before, 0, caches[0])] });
            caches[0].Advance(before);
            for (var i = 0; i < sequences; i++)
            {
                caches.Add(ops.CreateCache(1, columns, rows, caches[0], heads: heads.Keys));
            }
        }

        private Tensor Numbers(int rows, int columns)
        {
            var values = new float[rows * columns];
            for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
            return ops.Upload(values, rows, columns);
        }
    }
}
