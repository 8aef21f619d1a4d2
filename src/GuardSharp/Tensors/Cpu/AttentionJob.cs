namespace GuardSharp.Tensors.Cpu;

/// <summary>Attention of one sequence, one query row per item, by an online softmax (arXiv:1805.02867): no score matrix.</summary>
internal sealed unsafe class AttentionJob(Kernels kernels) : ParallelJob
{
    private AttentionPlan plan;
    private Tensor q;
    private Tensor k;
    private Tensor v;
    private Tensor y;

    public SequenceSpan Sequence { get; set; }

    public void Set(Tensor queries, Tensor keys, Tensor values, Tensor result, in AttentionPlan attentionPlan)
    {
        (q, k, v, y, plan) = (queries, keys, values, result, attentionPlan);
    }

    /// <summary>Copies the new keys and values behind those of the cache.</summary>
    public void Store()
    {
        var start = (long)Sequence.KeyRow * k.Columns;
        ((CpuKvCache?)Sequence.Cache)?.Append(plan.Layer, (float*)k.Data + start, (float*)v.Data + start, Sequence.KeyCount);
    }

    public override void Run(int item, int worker)
    {
        for (var head = 0; head < plan.Heads; head++)
        {
            var offset = ((long)(Sequence.QueryRow + item) * q.Columns) + (head * plan.HeadSize);
            var state = (Highest: float.NegativeInfinity, Total: 0f);
            Visit(Sequence.Cache, (float*)q.Data + offset, (float*)y.Data + offset, item, head, ref state);
            var start = (long)Sequence.KeyRow * k.Columns;
            Segment((float*)k.Data + start, (float*)v.Data + start, Sequence.KeyCount, Sequence.Position, (float*)q.Data + offset, (float*)y.Data + offset, item, head, ref state);
            for (var d = 0; d < plan.HeadSize; d++) ((float*)y.Data + offset)[d] /= state.Total == 0 ? 1 : state.Total;
        }
    }

    private void Visit(KvCache? cache, float* query, float* result, int item, int head, ref (float Highest, float Total) state)
    {
        if (cache is not CpuKvCache own)
        {
            return;
        }

        Visit(cache.Parent, query, result, item, head, ref state);
        Segment(own.Keys(plan.Layer), own.Values(plan.Layer), own.OwnLength, own.Parent?.Length ?? 0, query, result, item, head, ref state);
    }

    private void Segment(float* keys, float* values, int count, int position, float* query, float* result, int item, int head, ref (float Highest, float Total) state)
    {
        var part = head / (plan.Heads / plan.KeyHeads) * plan.HeadSize;
        for (var j = 0; j < count; j++)
        {
            var (at, keyAt) = (Sequence.Position + item, position + j);
            if (plan.Mask != AttentionMask.Full && (keyAt > at || (plan.Mask == AttentionMask.Chunked && keyAt / plan.ChunkSize != at / plan.ChunkSize)))
            {
                continue;
            }

            var place = ((long)j * k.Columns) + part;
            var score = plan.Scale * kernels.Dot(query, (byte*)(keys + place), WeightType.F32, plan.HeadSize);
            if (score > state.Highest)
            {
                var shrink = MathF.Exp(state.Highest - score);
                for (var d = 0; d < plan.HeadSize; d++) result[d] *= shrink;
                state = (score, state.Total * shrink);
            }

            var share = MathF.Exp(score - state.Highest);
            state.Total += share;
            for (var d = 0; d < plan.HeadSize; d++) result[d] += share * values[place + d];
        }
    }
}
