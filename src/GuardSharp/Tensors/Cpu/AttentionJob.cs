namespace GuardSharp.Tensors.Cpu;

/// <summary>Attention: per item one sequence, one key head and one panel of its (query, head) pairs.</summary>
/// <remarks>The query heads that share a key head lie side by side in a panel, so few queries still fill its lanes.</remarks>
internal sealed unsafe class AttentionJob(Kernels kernels) : ParallelJob
{
    private readonly int panelRows = 2 * kernels.Lanes;
    private AttentionPlan plan;
    private Tensor q;
    private Tensor k;
    private Tensor v;
    private Tensor y;
    private float* scratch;
    private int[] firstItems = new int[16];

    /// <summary>Items, after <see cref="Set"/>.</summary>
    public int Items => firstItems[plan.Sequences.Count];

    /// <summary>Products of the scores, for the choice of threads.</summary>
    public long Work { get; private set; }

    private int Group => plan.Heads / plan.KeyHeads;

    /// <summary>Prepares a run. Returns the bytes of scratch memory needed.</summary>
    public long Set(Tensor queries, Tensor keys, Tensor values, Tensor result, in AttentionPlan attentionPlan, int threads)
    {
        (q, k, v, y, plan) = (queries, keys, values, result, attentionPlan);
        var count = plan.Sequences.Count;
        if (firstItems.Length <= count)
        {
            firstItems = new int[count * 2];
        }

        Work = 0;
        for (var i = 0; i < count; i++)
        {
            var span = plan.Sequences[i];
            firstItems[i + 1] = firstItems[i] + (Panels(span) * plan.KeyHeads);
            Work += (long)span.QueryCount * (span.CachedKeys + span.KeyCount) * q.Columns;
        }

        return AttentionPanel.ScratchLength(kernels, plan.HeadSize) * threads * sizeof(float);
    }

    public void SetScratch(float* memory) => scratch = memory;

    /// <summary>Copies the new keys and values behind those of the caches.</summary>
    public void Store()
    {
        for (var i = 0; i < plan.Sequences.Count; i++)
        {
            var span = plan.Sequences[i];
            var start = (long)span.KeyRow * k.Columns;
            ((CpuKvCache?)span.Cache)?.Append(plan.Layer, (float*)k.Data + start, (float*)v.Data + start, span.KeyCount);
        }
    }

    public override void Run(int item, int worker)
    {
        var sequence = 0;
        while (firstItems[sequence + 1] <= item)
        {
            sequence++;
        }

        var span = plan.Sequences[sequence];
        var (keyHead, panel) = Math.DivRem(item - firstItems[sequence], Panels(span));
        var memory = scratch + (worker * AttentionPanel.ScratchLength(kernels, plan.HeadSize));
        var work = new AttentionPanel(kernels, memory, plan);
        work.Begin((float*)q.Data, span, keyHead, panel * panelRows);
        Earlier(span.Cache, span.Window, keyHead, ref work);
        var start = ((long)span.KeyRow * k.Columns) + (keyHead * plan.HeadSize);
        work.Attend((float*)k.Data + start, (float*)v.Data + start, span.KeyCount, span.Position);
        work.End((float*)y.Data);
    }

    private int Panels(in SequenceSpan span) => ((span.QueryCount * Group) + panelRows - 1) / panelRows;

    /// <summary>Attends to what a chain of caches holds, the last one first: their order is free, and a long chain needs no deep stack.</summary>
    private void Earlier(KvCache? cache, CacheWindow? window, int keyHead, ref AttentionPanel work)
    {
        var (from, to) = (window?.Start ?? 0, window?.End ?? int.MaxValue);
        for (var own = (CpuKvCache?)cache; own is not null; own = (CpuKvCache?)own.Parent)
        {
            var first = Math.Max(0, from - own.Start);
            var end = Math.Min(own.OwnLength, to - own.Start);
            if (end > first)
            {
                var start = ((long)first * own.Columns) + (keyHead * plan.HeadSize);
                work.Attend(own.Keys(plan.Layer) + start, own.Values(plan.Layer) + start, end - first, own.Start + first);
            }

            // Of its parent it stands on the first positions only.
            to = Math.Min(to, own.Start);
        }
    }
}
