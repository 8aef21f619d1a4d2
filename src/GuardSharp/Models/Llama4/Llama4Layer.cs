using GuardSharp.Checkpoints;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>One decoder layer: attention, then feed-forward, each behind a norm and added to its input.</summary>
internal sealed class Llama4Layer
{
    private readonly ITensorOps ops;
    private readonly Weight inputNorm;
    private readonly Weight postNorm;
    private readonly Llama4Attention attention;
    private readonly IFeedForward feedForward;
    private readonly float epsilon;
    private readonly string name;

    public Llama4Layer(ITensorOps ops, IWeightSource weights, Llama4TextConfig config, int index)
    {
        this.ops = ops;
        epsilon = config.RmsNormEpsilon;
        name = $"hidden.layer{index}";
        var prefix = $"language_model.model.layers.{index}";
        inputNorm = weights.Vector($"{prefix}.input_layernorm.weight", config.HiddenSize);
        attention = new Llama4Attention(ops, weights, $"{prefix}.self_attn", config, index);
        postNorm = weights.Vector($"{prefix}.post_attention_layernorm.weight", config.HiddenSize);
        feedForward = config.MoeLayers[index]
            ? new MixtureOfExperts(ops, weights, $"{prefix}.feed_forward", config, index)
            : new DenseFeedForward(ops, weights, $"{prefix}.feed_forward", config.HiddenSize, config.FeedForwardSize);
    }

    public Tensor Forward(Tensor h, LayerContext context)                                              // [N, hidden]
    {
        h = ops.Add(h, attention.Forward(ops.RmsNorm(h, inputNorm, epsilon), context));
        h = ops.Add(h, feedForward.Forward(ops.RmsNorm(h, postNorm, epsilon)));
        ops.Observe(name, h);
        return h;
    }
}
