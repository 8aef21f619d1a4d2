using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>The sizes of a self-attention.</summary>
/// <param name="Hidden">Columns of its input and output.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyHeads">Key and value heads.</param>
/// <param name="HeadSize">Numbers per head.</param>
internal readonly record struct AttentionSize(int Hidden, int Heads, int KeyHeads, int HeadSize);

/// <summary>Causal self-attention with grouped key/value heads (GQA, arXiv:2305.13245) and rotated queries and keys.</summary>
/// <remarks>Shapes: N rows, H query heads, K key/value heads, D head size.</remarks>
internal sealed class LlamaAttention
{
    private readonly ITensorOps _ops;
    private readonly AttentionSize _size;
    private readonly int _layer;
    private readonly Weight _query;
    private readonly Weight _key;
    private readonly Weight _value;
    private readonly Weight _output;

    /// <param name="ops">The backend.</param>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>.q_proj.weight</c>.</param>
    /// <param name="size">Sizes.</param>
    /// <param name="layer">The layer's place in the KV cache.</param>
    public LlamaAttention(ITensorOps ops, IWeightSource weights, string prefix, AttentionSize size, int layer)
    {
        _ops = ops;
        _size = size;
        _layer = layer;
        _query = weights.Matrix($"{prefix}.q_proj.weight", size.Heads * size.HeadSize, size.Hidden);
        _key = weights.Matrix($"{prefix}.k_proj.weight", size.KeyHeads * size.HeadSize, size.Hidden);
        _value = weights.Matrix($"{prefix}.v_proj.weight", size.KeyHeads * size.HeadSize, size.Hidden);
        _output = weights.Matrix($"{prefix}.o_proj.weight", size.Hidden, size.Heads * size.HeadSize);
    }

    public Tensor Forward(Tensor x, LayerContext context)                                              // x [N, hidden]
    {
        var q = _ops.Rope(_ops.Linear(context.Pick(_ops, x), _query), context.QueryRotation, _size.HeadSize);   // [N or wanted, H*D]
        var k = _ops.Rope(_ops.Linear(x, _key), context.Rotation, _size.HeadSize);                       // [N, K*D]
        var v = _ops.Linear(x, _value);                                                                  // [N, K*D]
        var plan = new AttentionPlan(
            context.Sequences, _layer, _size.Heads, _size.KeyHeads, _size.HeadSize, 1 / MathF.Sqrt(_size.HeadSize), AttentionMask.Causal);
        return _ops.Linear(_ops.Attention(q, k, v, plan), _output);                                       // [N or wanted, hidden]
    }
}
