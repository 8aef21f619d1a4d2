namespace GuardSharp.Tensors.Cpu;

/// <summary>Attention: per item one sequence, one key head and a few neighbouring panels of its (query, head) pairs.</summary>
/// <remarks>
/// The query heads that share a key head lie side by side in a panel, so few queries still fill its lanes. All panels of an item read a
/// block of keys and values before the next: it is fetched once, and widened once where it is not kept in float32.
/// </remarks>
internal sealed unsafe class AttentionJob(Kernels kernels) : ParallelJob
{
    /// <summary>Most panels of an item: with heads of 128 they take 140 KB, and a block of keys and values 48 to 96 KB (processors have 512 KB and more of second-level cache a core).</summary>
    private const int MostPanels = 4;

    /// <summary>Items a thread should have, so that all threads end at about the same time.</summary>
    private const int ItemsPerThread = 8;

    /// <summary>Keys of a block that is widened: with its values and a panel it should stay in the first-level cache.</summary>
    private const int WideBlock = AttentionPanel.KeyBlock / 2;

    private readonly int panelRows = 2 * kernels.Lanes;
    private AttentionPanel[] panels = [];
    private AttentionPlan plan;
    private Tensor q;
    private Tensor k;
    private Tensor v;
    private Tensor y;
    private float* scratch;
    private int[] firstItems = new int[16];
    private int itemPanels = 1;

    /// <summary>Items, after <see cref="Set"/>.</summary>
    public int Items => firstItems[plan.Sequences.Count];

    /// <summary>Products of the scores, for the choice of threads.</summary>
    public long Work { get; private set; }

    private int Group => plan.Heads / plan.KeyHeads;

    private long PanelLength => AttentionPanel.ScratchLength(kernels, plan.HeadSize);

    /// <summary>Numbers of a widened block of keys, or values.</summary>
    private long BlockLength => ((long)WideBlock * plan.HeadSize) + AttentionPanel.SpareRows;

    private long ScratchLength => AttentionPanel.ScoresLength(kernels) + (itemPanels * PanelLength) + (2 * BlockLength);

    /// <summary>Prepares a run. Returns the bytes of scratch memory needed.</summary>
    public long Set(Tensor queries, Tensor keys, Tensor values, Tensor result, in AttentionPlan attentionPlan, int threads)
    {
        (q, k, v, y, plan) = (queries, keys, values, result, attentionPlan);
        var count = plan.Sequences.Count;
        if (firstItems.Length <= count)
        {
            firstItems = new int[count * 2];
        }

        if (panels.Length < threads * MostPanels)
        {
            panels = new AttentionPanel[threads * MostPanels];
        }

        var all = 0L;
        Work = 0;
        for (var i = 0; i < count; i++)
        {
            var span = plan.Sequences[i];
            all += Panels(span) * plan.KeyHeads;
            Work += (long)span.QueryCount * (span.CachedKeys + span.KeyCount) * q.Columns;
        }

        itemPanels = (int)Math.Clamp(all / (threads * ItemsPerThread), 1, MostPanels);
        for (var i = 0; i < count; i++)
        {
            firstItems[i + 1] = firstItems[i] + (Groups(plan.Sequences[i]) * plan.KeyHeads);
        }

        return ScratchLength * threads * sizeof(float);
    }

    public void SetScratch(float* memory) => scratch = memory;

    /// <summary>Writes the new keys and values behind those of the caches.</summary>
    public void Store()
    {
        for (var i = 0; i < plan.Sequences.Count; i++)
        {
            var span = plan.Sequences[i];
            var start = (long)span.KeyRow * k.Columns;
            ((CpuKvCache?)span.Cache)?.Append(kernels, plan.Layer, (float*)k.Data + start, (float*)v.Data + start, span.KeyCount);
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
        var (keyHead, group) = Math.DivRem(item - firstItems[sequence], Groups(span));
        var memory = scratch + (worker * ScratchLength);
        var first = group * itemPanels;
        var work = new Item(panels.AsSpan(worker * MostPanels, Math.Min(itemPanels, Panels(span) - first)), memory, keyHead * plan.HeadSize);
        var own = memory + AttentionPanel.ScoresLength(kernels) + (2 * BlockLength);
        for (var i = 0; i < work.Panels.Length; i++)
        {
            work.Panels[i] = new AttentionPanel(kernels, memory, own + (i * PanelLength), plan);
            work.Panels[i].Begin((float*)q.Data, span, keyHead, (first + i) * panelRows);
        }

        Earlier(span, work);
        New(span, work);
        foreach (ref var panel in work.Panels)
        {
            panel.End((float*)y.Data);
        }
    }

    private int Panels(in SequenceSpan span) => ((span.QueryCount * Group) + panelRows - 1) / panelRows;

    /// <summary>Items of a key head.</summary>
    private int Groups(in SequenceSpan span) => (Panels(span) + itemPanels - 1) / itemPanels;

    /// <summary>Attends to what a chain of caches holds, the last one first: their order is free, and a long chain needs no deep stack.</summary>
    private void Earlier(in SequenceSpan span, in Item work)
    {
        var (from, to) = (span.Window?.Start ?? 0, span.Window?.End ?? int.MaxValue);
        for (var own = (CpuKvCache?)span.Cache; own is not null; own = (CpuKvCache?)own.Parent)
        {
            var first = Math.Max(0, from - own.Start);
            var end = Math.Min(own.OwnLength, to - own.Start);
            if (end > first)
            {
                Attend(own.Keys(plan.Layer, work.Column), own.Values(plan.Layer, work.Column), first, end - first, own.Start + first, work);
            }

            // Of its parent it stands on the first positions only.
            to = Math.Min(to, own.Start);
        }
    }

    /// <summary>Attends to the keys of this pass. Where a cache rounds them they are read from there: later passes see those, and a prompt must not depend on how it was cut.</summary>
    private void New(in SequenceSpan span, in Item work)
    {
        if (span.Cache is CpuKvCache { Size.Type: not KeyValueType.F32 } cache)
        {
            Attend(cache.Keys(plan.Layer, work.Column), cache.Values(plan.Layer, work.Column), cache.OwnLength, span.KeyCount, span.Position, work);
            return;
        }

        var start = ((long)span.KeyRow * k.Columns) + work.Column;
        var keys = new KeptRows((byte*)((float*)k.Data + start), KeyValueType.F32, k.Columns);
        Attend(keys, new KeptRows((byte*)((float*)v.Data + start), KeyValueType.F32, v.Columns), 0, span.KeyCount, span.Position, work);
    }

    /// <summary>Attends to neighbouring keys, a block at a time.</summary>
    private void Attend(in KeptRows keys, in KeptRows values, int first, int count, int position, in Item work)
    {
        var start = (int)Math.Max(0, work.Panels[0].FirstKey - position);
        var end = (int)Math.Min(count, Math.Max(0, work.Panels[^1].LastKey - position + 1));
        var isDirect = keys.Type == KeyValueType.F32;
        var size = isDirect ? AttentionPanel.KeyBlock : WideBlock;
        var blockKeys = work.Memory + AttentionPanel.ScoresLength(kernels);
        var blockValues = blockKeys + BlockLength;
        nint pitch = isDirect ? keys.Pitch : plan.HeadSize;
        for (var key = start; key < end; key += size)
        {
            var block = Math.Min(size, end - key);
            if (isDirect)
            {
                blockKeys = (float*)keys.Row(first + key);
                blockValues = (float*)values.Row(first + key);
            }
            else
            {
                kernels.Widen(keys, first + key, block, plan.HeadSize, blockKeys);
                kernels.Widen(values, first + key, block, plan.HeadSize, blockValues);
            }

            foreach (ref var panel in work.Panels)
            {
                panel.Attend(blockKeys, blockValues, pitch, block, position + key);
            }
        }
    }

    /// <summary>What an item works with.</summary>
    /// <param name="panels">Its panels.</param>
    /// <param name="memory">Its thread's scratch memory: scores, a block of keys, one of values, the panels'.</param>
    /// <param name="column">The first column of its key head.</param>
    private readonly ref struct Item(Span<AttentionPanel> panels, float* memory, int column)
    {
        public Span<AttentionPanel> Panels { get; } = panels;

        public float* Memory { get; } = memory;

        public int Column { get; } = column;
    }
}
