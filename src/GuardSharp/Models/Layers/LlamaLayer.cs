using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>One decoder layer: attention, then feed-forward, each behind a norm and added to its input.</summary>
internal sealed class LlamaLayer
{
    private readonly ITensorOps _ops;
    private readonly Weight _inputNorm;
    private readonly Weight _postNorm;
    private readonly LlamaAttention _attention;
    private readonly DenseFeedForward _feedForward;
    private readonly float _epsilon;
    private readonly string _name;

    /// <param name="ops">The backend.</param>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>.layers.N</c> in tensor names, such as <c>model</c>.</param>
    /// <param name="size">Sizes of the attention.</param>
    /// <param name="feedForwardSize">Width of the feed-forward.</param>
    /// <param name="epsilon">Epsilon of the norms.</param>
    /// <param name="index">The layer's number in names and in the KV cache.</param>
    public LlamaLayer(ITensorOps ops, IWeightSource weights, string prefix, AttentionSize size, int feedForwardSize, float epsilon, int index)
    {
        _ops = ops;
        _epsilon = epsilon;
        _name = $"hidden.layer{index}";
        var layer = $"{prefix}.layers.{index}";
        _inputNorm = weights.Vector($"{layer}.input_layernorm.weight", size.Hidden);
        _attention = new LlamaAttention(ops, weights, $"{layer}.self_attn", size, index);
        _postNorm = weights.Vector($"{layer}.post_attention_layernorm.weight", size.Hidden);
        _feedForward = new DenseFeedForward(ops, weights, $"{layer}.mlp", size.Hidden, feedForwardSize);
    }

    public Tensor Forward(Tensor h, LayerContext context)                                              // [N, hidden]
    {
        h = _ops.Add(context.Pick(_ops, h), _attention.Forward(_ops.RmsNorm(h, _inputNorm, _epsilon), context));
        h = _ops.Add(h, _feedForward.Forward(_ops.RmsNorm(h, _postNorm, _epsilon)));
        _ops.Observe(_name, h);
        return h;
    }
}
