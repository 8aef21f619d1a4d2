using GuardSharp.Tensors;

namespace GuardSharp.Torch;

/// <remarks>Attention: checks here, mathematics in <see cref="TorchAttention"/>.</remarks>
internal sealed partial class TorchOps
{
    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionPlan plan)
    {
        RequirePlan(q, k, v, plan);
        foreach (var sequence in plan.Sequences)
        {
            RequireSequence(q, k, sequence, plan);
        }

        using var frame = Open();
        var query = AsTorch(q);
        // scaled_dot_product_attention takes no scale; its own is 1 / sqrt(D).
        var factor = plan.Scale * MathF.Sqrt(plan.HeadSize);
        if (MathF.Abs(factor - 1) > 1e-7f)
        {
            query = query * Constant(factor);
        }

        return frame.Return(TorchAttention.Run(query, AsTorch(k), AsTorch(v), plan, Device));
    }

    private static void RequirePlan(Tensor q, Tensor k, Tensor v, in AttentionPlan plan)
    {
        if (plan.Heads < 1 || plan.KeyHeads < 1 || plan.HeadSize < 1 || plan.Heads % plan.KeyHeads != 0)
        {
            throw new ArgumentException($"{plan.Heads} heads of {plan.HeadSize} numbers cannot share {plan.KeyHeads} key heads: a multiple is needed.", nameof(plan));
        }

        if (q.Columns != plan.Heads * plan.HeadSize)
        {
            throw new ArgumentException($"q is {Show(q)}, but {plan.Heads} heads of {plan.HeadSize} numbers are {plan.Heads * plan.HeadSize} columns.", nameof(q));
        }

        if (k.Columns != plan.KeyHeads * plan.HeadSize || k.Rows != v.Rows || k.Columns != v.Columns)
        {
            throw new ArgumentException($"k is {Show(k)} and v {Show(v)}, but both need {plan.KeyHeads * plan.HeadSize} columns and as many rows.", nameof(k));
        }

        if (plan.Mask == AttentionMask.Chunked && plan.ChunkSize < 1)
        {
            throw new ArgumentException($"Chunked attention needs a chunk size, but it is {plan.ChunkSize}.", nameof(plan));
        }
    }

    private void RequireSequence(Tensor q, Tensor k, in SequenceSpan sequence, in AttentionPlan plan)
    {
        if (sequence.QueryRow < 0 || sequence.QueryCount < 0 || (long)sequence.QueryRow + sequence.QueryCount > q.Rows)
        {
            throw new ArgumentException($"A sequence has {sequence.QueryCount} queries from row {sequence.QueryRow} on, but q is {Show(q)}.", nameof(plan));
        }

        if (sequence.KeyRow < 0 || sequence.KeyCount < 0 || (long)sequence.KeyRow + sequence.KeyCount > k.Rows)
        {
            throw new ArgumentException($"A sequence has {sequence.KeyCount} keys from row {sequence.KeyRow} on, but k is {Show(k)}.", nameof(plan));
        }

        if (!sequence.WindowFits || (sequence.Window is not null && plan.Mask != AttentionMask.Full))
        {
            throw new ArgumentException(
                $"A sequence sees {sequence.Window} of a cache that holds {sequence.Cache?.Length ?? 0} positions; a window must lie inside, and the mask be full.", nameof(plan));
        }

        if (sequence.Cache is null)
        {
            if (sequence.QueryCount > 0 && sequence.KeyCount == 0)
            {
                throw new ArgumentException($"A sequence of {sequence.QueryCount} queries has neither keys nor a cache.", nameof(plan));
            }

            return;
        }

        if (Gradients)
        {
            throw new ArgumentException("A KV cache cannot be used while gradients are recorded: they would not flow through it.", nameof(plan));
        }

        if (sequence.Cache is not TorchKvCache cache || cache.Columns != k.Columns || (uint)plan.Layer >= (uint)cache.Layers)
        {
            throw new ArgumentException($"The KV cache is not one of a TorchOps with {k.Columns} columns and a layer {plan.Layer}.", nameof(plan));
        }
    }
}
