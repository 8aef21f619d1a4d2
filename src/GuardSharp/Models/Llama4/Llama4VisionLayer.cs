using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>A pre-norm transformer layer over the patches of one tile: biases everywhere, no mask, GELU by erf (model note L8).</summary>
internal sealed class Llama4VisionLayer
{
    private readonly ITensorOps _ops;
    private readonly Llama4VisionConfig _config;
    private readonly int _index;
    private readonly Biased _query;
    private readonly Biased _key;
    private readonly Biased _value;
    private readonly Biased _output;
    private readonly Biased _up;
    private readonly Biased _down;
    private readonly Biased _inputNorm;
    private readonly Biased _postNorm;

    public Llama4VisionLayer(ITensorOps ops, IWeightSource weights, Llama4VisionConfig config, int index)
    {
        _ops = ops;
        _config = config;
        _index = index;
        Name = $"vision.layer{index}";
        var (prefix, hidden) = ($"vision_model.model.layers.{index}", config.HiddenSize);
        _inputNorm = Biased.ReadNorm(weights, $"{prefix}.input_layernorm", hidden);
        _query = Biased.Read(weights, $"{prefix}.self_attn.q_proj", hidden, hidden);
        _key = Biased.Read(weights, $"{prefix}.self_attn.k_proj", hidden, hidden);
        _value = Biased.Read(weights, $"{prefix}.self_attn.v_proj", hidden, hidden);
        _output = Biased.Read(weights, $"{prefix}.self_attn.o_proj", hidden, hidden);
        _postNorm = Biased.ReadNorm(weights, $"{prefix}.post_attention_layernorm", hidden);
        _up = Biased.Read(weights, $"{prefix}.mlp.fc1", config.FeedForwardSize, hidden);
        _down = Biased.Read(weights, $"{prefix}.mlp.fc2", hidden, config.FeedForwardSize);
    }

    /// <summary>The name golden fixtures give this layer's output.</summary>
    public string Name { get; }

    public Tensor Forward(Tensor h, Rotation rotation, IReadOnlyList<SequenceSpan> tiles)              // [T*(S*S+1), V]
    {
        var x = _ops.LayerNorm(h, _inputNorm.Weight, _inputNorm.Bias, Llama4VisionConfig.NormEpsilon);
        var q = _ops.Rope(_ops.Linear(x, _query.Weight, _query.Bias), rotation, _config.HeadSize);
        var k = _ops.Rope(_ops.Linear(x, _key.Weight, _key.Bias), rotation, _config.HeadSize);
        var v = _ops.Linear(x, _value.Weight, _value.Bias);
        var plan = new AttentionPlan(
            tiles, _index, _config.Heads, _config.Heads, _config.HeadSize, 1 / MathF.Sqrt(_config.HeadSize), AttentionMask.Full);
        h = _ops.Add(h, _ops.Linear(_ops.Attention(q, k, v, plan), _output.Weight, _output.Bias));
        x = _ops.LayerNorm(h, _postNorm.Weight, _postNorm.Bias, Llama4VisionConfig.NormEpsilon);
        x = _ops.Gelu(_ops.Linear(x, _up.Weight, _up.Bias));                                               // [.., intermediate]
        return _ops.Add(h, _ops.Linear(x, _down.Weight, _down.Bias));
    }
}
