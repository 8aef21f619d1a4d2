using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>One decoder layer: attention, then feed-forward, each behind a norm and added to its input.</summary>
internal sealed class Llama4Layer
{
    private readonly ITensorOps _ops;
    private readonly Weight _inputNorm;
    private readonly Weight _postNorm;
    private readonly Llama4Attention _attention;
    private readonly IFeedForward _feedForward;
    private readonly float _epsilon;
    private readonly string _name;

    public Llama4Layer(ITensorOps ops, IWeightSource weights, Llama4TextConfig config, int index)
    {
        _ops = ops;
        _epsilon = config.RmsNormEpsilon;
        _name = $"hidden.layer{index}";
        var prefix = $"language_model.model.layers.{index}";
        _inputNorm = weights.Vector($"{prefix}.input_layernorm.weight", config.HiddenSize);
        _attention = new Llama4Attention(ops, weights, $"{prefix}.self_attn", config, index);
        _postNorm = weights.Vector($"{prefix}.post_attention_layernorm.weight", config.HiddenSize);
        _feedForward = config.MoeLayers[index]
            ? new MixtureOfExperts(ops, weights, $"{prefix}.feed_forward", config, index)
            : new DenseFeedForward(ops, weights, $"{prefix}.feed_forward", config.HiddenSize, config.FeedForwardSize);
    }

    public Tensor Forward(Tensor h, LayerContext context)                                              // [N, hidden]
    {
        h = _ops.Add(context.Pick(_ops, h), _attention.Forward(_ops.RmsNorm(h, _inputNorm, _epsilon), context));
        h = _ops.Add(h, _feedForward.Forward(_ops.RmsNorm(h, _postNorm, _epsilon)));
        _ops.Observe(_name, h);
        return h;
    }
}
