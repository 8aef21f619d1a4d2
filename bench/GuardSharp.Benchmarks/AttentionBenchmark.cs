using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>Attention in the shapes of the guards, against the processor's peak in the same run.</summary>
internal static class AttentionBenchmark
{
    public static void Run(int threads, int rounds)
    {
        Measure("vision tile, 577 patches, 16 heads of 88", 577, 1, 16, 16, 88, AttentionMask.Full, threads, rounds);
        Measure("4 vision tiles", 577, 4, 16, 16, 88, AttentionMask.Full, threads, rounds);
        Measure("text, 512 tokens, 32 heads of 64 on 8", 512, 1, 32, 8, 64, AttentionMask.Causal, threads, rounds);
        Measure("text, 25 tokens, 4 heads of 64 on 2", 25, 1, 4, 2, 64, AttentionMask.Causal, threads, rounds);
        Measure("14 answers of 3 tokens, 32 heads of 64 on 8", 3, 14, 32, 8, 64, AttentionMask.Causal, threads, rounds);
    }

    private static void Measure(string title, int rows, int sequences, int heads, int keyHeads, int headSize, AttentionMask mask, int threads, int rounds)
    {
        using var ops = new CpuOps(threads);
        using var pool = new WorkerPool(threads);
        using var scope = ops.Scope();
        var random = new Random(1);
        var all = rows * sequences;
        Tensor q = Numbers(heads * headSize), k = Numbers(keyHeads * headSize), v = Numbers(keyHeads * headSize);
        SequenceSpan[] spans = [.. Enumerable.Range(0, sequences).Select(i => SequenceSpan.Self(i * rows, rows))];
        var plan = new AttentionPlan(spans, 0, heads, keyHeads, headSize, 0.125f, mask);
        // Two products per score; half the scores are hidden under the causal mask.
        var operations = 4.0 * rows * (mask == AttentionMask.Full ? rows : (rows + 1) / 2.0) * sequences * heads * headSize;
        var peak = new FmaPeak();
        Stopwatches.Compare($"\n{title}, {threads} threads", rounds,
        [
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
            ("attention", operations, Attend),
        ]);

        void Attend()
        {
            using var inner = ops.Scope();
            ops.Attention(q, k, v, plan);
        }

        Tensor Numbers(int columns)
        {
            var values = new float[all * columns];
            for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
            return ops.Upload(values, all, columns);
        }
    }
}
