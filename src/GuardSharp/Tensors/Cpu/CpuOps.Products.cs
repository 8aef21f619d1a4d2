namespace GuardSharp.Tensors.Cpu;

/// <summary>Linear layers and attention.</summary>
internal sealed unsafe partial class CpuOps
{
    private readonly LinearJob linear;
    private readonly AttentionJob attention;

    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        Shapes.Product(x, weight);
        if (bias is not null)
        {
            Shapes.Bias(weight, bias);
        }

        if (weight is LowRankWeight lowRank)
        {
            var y = Linear(x, lowRank.Base, bias);
            return AddInPlace(y, Linear(Linear(x, lowRank.A), lowRank.B), lowRank.Scale);
        }

        var result = Make(x.Rows, weight.Rows);
        var offsets = Vector(bias);
        linear.Set(x, (StoredWeight)weight, offsets, result);
        pool.Run(linear, weight.Rows, (long)x.Rows * x.Columns * weight.Rows >= SmallWork * 32);
        Free(offsets);
        return result;
    }

    public Tensor LinearRows(Tensor x, Weight weight, ReadOnlySpan<int> outputs)
    {
        Shapes.Product(x, weight);
        var rows = Embed(outputs, weight);
        return Linear(x, new StoredWeight(weight.Name, rows.Rows, rows.Columns, WeightType.F32, rows.Data));
    }

    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionPlan plan)
    {
        CheckAttention(q, k, v, plan);
        var y = Make(q.Rows, q.Columns);
        new Span<float>((float*)y.Data, checked((int)y.Length)).Clear();
        attention.Set(q, k, v, y, plan);
        for (var i = 0; i < plan.Sequences.Count; i++)
        {
            attention.Sequence = plan.Sequences[i];
            attention.Store();
            pool.Run(attention, attention.Sequence.QueryCount, true);
        }

        return y;
    }

    private static void CheckAttention(Tensor q, Tensor k, Tensor v, in AttentionPlan plan)
    {
        var (width, keyWidth) = (plan.Heads * plan.HeadSize, plan.KeyHeads * plan.HeadSize);
        if (plan.Heads < 1 || plan.KeyHeads < 1 || plan.Heads % plan.KeyHeads != 0 || q.Columns != width || k.Columns != keyWidth
            || v.Columns != keyWidth || v.Rows != k.Rows)
        {
            Shapes.Refuse($"Attention: {plan.Heads} query heads, {plan.KeyHeads} key heads of {plan.HeadSize} need q [N, {width}], k and v [M, {keyWidth}]; got {Shapes.Of(q)}, {Shapes.Of(k)}, {Shapes.Of(v)}.");
        }

        if (plan.Mask == AttentionMask.Chunked && plan.ChunkSize < 1)
        {
            Shapes.Refuse($"Attention: chunks of {plan.ChunkSize} positions; at least 1 is needed.");
        }

        for (var i = 0; i < plan.Sequences.Count; i++)
        {
            var span = plan.Sequences[i];
            if (span.QueryRow < 0 || span.QueryCount < 0 || span.QueryRow + span.QueryCount > q.Rows
                || span.KeyRow < 0 || span.KeyCount < 0 || span.KeyRow + span.KeyCount > k.Rows)
            {
                Shapes.Refuse($"Attention: sequence {i} takes query rows {span.QueryRow} + {span.QueryCount} of {Shapes.Of(q)} and key rows {span.KeyRow} + {span.KeyCount} of {Shapes.Of(k)}.");
            }

            if (span.Cache is not null && (span.Cache is not CpuKvCache cache || cache.Columns != keyWidth))
            {
                Shapes.Refuse($"Attention: the KV cache of sequence {i} was not made by this backend for {keyWidth} columns.");
            }
        }
    }

    private Tensor AddInPlace(Tensor y, Tensor x, float factor)
    {
        kernels.AddScaled((float*)x.Data, factor, (float*)y.Data, y.Length);
        return y;
    }
}
