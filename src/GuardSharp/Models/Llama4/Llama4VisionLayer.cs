using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>A pre-norm transformer layer over the patches of one tile: biases everywhere, no mask, GELU by erf (model note L8).</summary>
internal sealed class Llama4VisionLayer
{
    private readonly ITensorOps ops;
    private readonly Llama4VisionConfig config;
    private readonly int index;
    private readonly Biased query;
    private readonly Biased key;
    private readonly Biased value;
    private readonly Biased output;
    private readonly Biased up;
    private readonly Biased down;
    private readonly Biased inputNorm;
    private readonly Biased postNorm;

    public Llama4VisionLayer(ITensorOps ops, IWeightSource weights, Llama4VisionConfig config, int index)
    {
        this.ops = ops;
        this.config = config;
        this.index = index;
        Name = $"vision.layer{index}";
        var (prefix, hidden) = ($"vision_model.model.layers.{index}", config.HiddenSize);
        inputNorm = Biased.ReadNorm(weights, $"{prefix}.input_layernorm", hidden);
        query = Biased.Read(weights, $"{prefix}.self_attn.q_proj", hidden, hidden);
        key = Biased.Read(weights, $"{prefix}.self_attn.k_proj", hidden, hidden);
        value = Biased.Read(weights, $"{prefix}.self_attn.v_proj", hidden, hidden);
        output = Biased.Read(weights, $"{prefix}.self_attn.o_proj", hidden, hidden);
        postNorm = Biased.ReadNorm(weights, $"{prefix}.post_attention_layernorm", hidden);
        up = Biased.Read(weights, $"{prefix}.mlp.fc1", config.FeedForwardSize, hidden);
        down = Biased.Read(weights, $"{prefix}.mlp.fc2", hidden, config.FeedForwardSize);
    }

    /// <summary>The name golden fixtures give this layer's output.</summary>
    public string Name { get; }

    public Tensor Forward(Tensor h, Rotation rotation, IReadOnlyList<SequenceSpan> tiles)              // [T*(S*S+1), V]
    {
        var x = ops.LayerNorm(h, inputNorm.Weight, inputNorm.Bias, Llama4VisionConfig.NormEpsilon);
        var q = ops.Rope(ops.Linear(x, query.Weight, query.Bias), rotation, config.HeadSize);
        var k = ops.Rope(ops.Linear(x, key.Weight, key.Bias), rotation, config.HeadSize);
        var v = ops.Linear(x, value.Weight, value.Bias);
        var plan = new AttentionPlan(
            tiles, index, config.Heads, config.Heads, config.HeadSize, 1 / MathF.Sqrt(config.HeadSize), AttentionMask.Full);
        h = ops.Add(h, ops.Linear(ops.Attention(q, k, v, plan), output.Weight, output.Bias));
        x = ops.LayerNorm(h, postNorm.Weight, postNorm.Bias, Llama4VisionConfig.NormEpsilon);
        x = ops.Gelu(ops.Linear(x, up.Weight, up.Bias));                                               // [.., intermediate]
        return ops.Add(h, ops.Linear(x, down.Weight, down.Bias));
    }
}
