namespace GuardSharp.Tensors.Cpu;

/// <summary>Linear layers and attention.</summary>
internal sealed unsafe partial class CpuOps
{
    /// <summary>Up to so many rows, dot products with the weights as they lie are faster than panels (measured, docs/performance.md).</summary>
    private const int FewRows = 8;

    private readonly PackJob pack;
    private readonly PanelJob panels;
    private readonly TransposedJob transposed;
    private readonly DotJob dots;
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
            var down = Linear(x, lowRank.A);
            var change = Linear(down, lowRank.B);
            AddInPlace(y, change, lowRank.Scale);
            Free(change);
            Free(down);
            return y;
        }

        var result = Make(x.Rows, weight.Rows);
        var offsets = Vector(bias);
        switch (weight)
        {
            case BlockWeight blocks:
                Product(x, blocks, offsets, result);
                break;
            case EncodedWeight encoded:
                Product(x, encoded, offsets, result);
                break;
            default:
                Product(x, (StoredWeight)weight, offsets, result);
                break;
        }

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
        ClearUnusedRows(y, plan);
        var scratch = (float*)arena.Allocate(attention.Set(q, k, v, y, plan, pool.Threads));
        attention.Store();
        attention.SetScratch(scratch);
        pool.Run(attention, attention.Items, attention.Work >= SmallProduct);
        arena.Free(scratch);
        return y;
    }

    /// <summary>Rows that no sequence covers are zero.</summary>
    private static void ClearUnusedRows(Tensor y, in AttentionPlan plan)
    {
        var covered = 0;
        for (var i = 0; i < plan.Sequences.Count; i++)
        {
            covered += plan.Sequences[i].QueryCount;
        }

        for (var row = 0; covered < y.Rows && row < y.Rows; row++)
        {
            new Span<float>(Row(y, row), y.Columns).Clear();
        }
    }

    private void Product(Tensor x, StoredWeight weight, float* bias, Tensor result)
    {
        var parallel = (long)x.Rows * x.Columns * weight.Rows >= SmallProduct;
        if (weight.Transposed)
        {
            var memory = (float*)arena.Allocate(transposed.Set(x, weight, bias, result, pool.Threads));
            transposed.SetScratch(memory);
            pool.Run(transposed, transposed.Items, parallel);
            arena.Free(memory);
        }
        else if (x.Rows <= FewRows)
        {
            dots.Set(x, weight, bias, result, pool.Threads);
            pool.Run(dots, dots.Items, parallel);
        }
        else
        {
            PanelProduct(x, weight, bias, result, parallel);
        }
    }

    /// <summary>Decoding is the cost where rows are few; one piece after the other fits the cache as for many.</summary>
    private void Product(Tensor x, EncodedWeight weight, float* bias, Tensor result)
    {
        var rounded = Make(x.Rows, x.Columns);
        PieceRounding.Run((float*)x.Data, x.Length, (float*)rounded.Data);
        PanelProduct(rounded, weight, bias, result, (long)x.Rows * x.Columns * weight.Rows >= SmallProduct);
        Free(rounded);
    }

    private void PanelProduct(Tensor x, Weight weight, float* bias, Tensor result, bool parallel)
    {
        var key = new PackKey(x.Data, BlockArena.SerialOf((void*)x.Data), x.Rows, x.Columns, pack);
        var isPacked = packing.Holds(key);
        pack.Set(x, (float*)(isPacked ? packing.Memory : packing.Reserve((x.Rows + (2L * kernels.Lanes)) * x.Columns * sizeof(float))));
        if (!isPacked)
        {
            pool.Run(pack, pack.Panels, x.Length >= SmallWork);
            packing.Complete(key);
        }

        var memory = (float*)arena.Allocate(panels.Set(weight, bias, result, pool.Threads));
        panels.SetScratch(memory);
        pool.Run(panels, panels.Items, parallel);
        arena.Free(memory);
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

            if (!span.WindowFits || (span.Window is not null && plan.Mask != AttentionMask.Full))
            {
                Shapes.Refuse($"Attention: sequence {i} sees {span.Window} of a cache that holds {span.Cache?.Length ?? 0} positions; a window must lie inside, and the mask be full.");
            }

            if (span.Cache is not null && (span.Cache is not CpuKvCache { Size: var size } || size.Columns != keyWidth || plan.KeyHeads % size.Heads != 0))
            {
                Shapes.Refuse($"Attention: the KV cache of sequence {i} was not made by this backend for {keyWidth} columns in {plan.KeyHeads} heads.");
            }
        }
    }

    private Tensor AddInPlace(Tensor y, Tensor x, float factor)
    {
        kernels.AddScaled((float*)x.Data, factor, (float*)y.Data, y.Length);
        return y;
    }
}
