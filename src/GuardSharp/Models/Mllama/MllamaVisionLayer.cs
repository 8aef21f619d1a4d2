using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Mllama;

/// <summary>A pre-norm transformer layer over all rows of a picture; attention without biases, GELU by erf, gated in the global encoder (model note M8).</summary>
/// <remarks>Shapes: N rows of all tiles, V vision hidden size.</remarks>
internal sealed class MllamaVisionLayer
{
    private readonly ITensorOps _ops;
    private readonly MllamaVisionConfig _config;
    private readonly Weight _query;
    private readonly Weight _key;
    private readonly Weight _value;
    private readonly Weight _output;
    private readonly Biased _up;
    private readonly Biased _down;
    private readonly Biased _inputNorm;
    private readonly Biased _postNorm;
    private readonly Weight? _attentionGate;
    private readonly Weight? _feedForwardGate;

    /// <param name="ops">The backend.</param>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="prefix">What the names of the layer's tensors begin with.</param>
    /// <param name="gated">Whether it is a layer of the global encoder.</param>
    public MllamaVisionLayer(ITensorOps ops, IWeightSource weights, MllamaVisionConfig config, string prefix, bool gated)
    {
        _ops = ops;
        _config = config;
        var hidden = config.HiddenSize;
        _inputNorm = Biased.ReadNorm(weights, $"{prefix}.input_layernorm", hidden);
        _query = weights.Matrix($"{prefix}.self_attn.q_proj.weight", hidden, hidden);
        _key = weights.Matrix($"{prefix}.self_attn.k_proj.weight", hidden, hidden);
        _value = weights.Matrix($"{prefix}.self_attn.v_proj.weight", hidden, hidden);
        _output = weights.Matrix($"{prefix}.self_attn.o_proj.weight", hidden, hidden);
        _postNorm = Biased.ReadNorm(weights, $"{prefix}.post_attention_layernorm", hidden);
        _up = Biased.Read(weights, $"{prefix}.mlp.fc1", config.FeedForwardSize, hidden);
        _down = Biased.Read(weights, $"{prefix}.mlp.fc2", hidden, config.FeedForwardSize);
        _attentionGate = gated ? weights.Vector($"{prefix}.gate_attn", 1) : null;
        _feedForwardGate = gated ? weights.Vector($"{prefix}.gate_ffn", 1) : null;
    }

    /// <remarks>A scope for each half: the rows of a picture are many, and few of these tensors are needed at a time.</remarks>
    public Tensor Forward(Tensor h, IReadOnlyList<SequenceSpan> spans)                                 // [N, V]
    {
        Tensor attended;
        using (_ops.Scope())
        {
            var x = Attend(_ops.LayerNorm(h, _inputNorm.Weight, _inputNorm.Bias, _config.NormEpsilon), spans);
            attended = _ops.Keep(AddTo(h, x, _attentionGate));
        }

        using (_ops.Scope())
        {
            var x = _ops.LayerNorm(attended, _postNorm.Weight, _postNorm.Bias, _config.NormEpsilon);
            x = _ops.Gelu(_ops.Linear(x, _up.Weight, _up.Bias));                                           // [N, intermediate]
            return _ops.Keep(AddTo(attended, _ops.Linear(x, _down.Weight, _down.Bias), _feedForwardGate));
        }
    }

    private Tensor Attend(Tensor x, IReadOnlyList<SequenceSpan> spans)
    {
        var plan = new AttentionPlan(
            spans, 0, _config.Heads, _config.Heads, _config.HeadSize, 1 / MathF.Sqrt(_config.HeadSize), AttentionMask.Full);
        return _ops.Linear(_ops.Attention(_ops.Linear(x, _query), _ops.Linear(x, _key), _ops.Linear(x, _value), plan), _output);
    }

    private Tensor AddTo(Tensor h, Tensor update, Weight? gate) => gate is null ? _ops.Add(h, update) : _ops.AddGated(h, update, gate);
}
