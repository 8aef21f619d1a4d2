using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Mllama;

/// <summary>A decoder layer that reads pictures instead of earlier tokens, gated so that training could begin with no effect (model note M6).</summary>
/// <remarks>Shapes: N rows that read, M rows of pictures, H query heads, K key/value heads, D head size.</remarks>
internal sealed class MllamaCrossLayer
{
    private readonly ITensorOps _ops;
    private readonly MllamaTextConfig _config;
    private readonly int _index;
    private readonly string _name;
    private readonly Weight _inputNorm;
    private readonly Weight _postNorm;
    private readonly Weight _query;
    private readonly Weight _key;
    private readonly Weight _value;
    private readonly Weight _output;
    private readonly Weight _queryNorm;
    private readonly Weight _keyNorm;
    private readonly Weight _attentionGate;
    private readonly Weight _feedForwardGate;
    private readonly DenseFeedForward _feedForward;

    /// <param name="ops">The backend.</param>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="layer">Its number among all layers.</param>
    /// <param name="index">Its number among those of cross-attention: its place in a cache of pictures.</param>
    public MllamaCrossLayer(ITensorOps ops, IWeightSource weights, MllamaTextConfig config, int layer, int index)
    {
        (_ops, _config, _index, _name) = (ops, config, index, $"hidden.layer{layer}");
        var (prefix, hidden) = ($"language_model.model.layers.{layer}", config.HiddenSize);
        _inputNorm = weights.Vector($"{prefix}.input_layernorm.weight", hidden);
        _postNorm = weights.Vector($"{prefix}.post_attention_layernorm.weight", hidden);
        _query = weights.Matrix($"{prefix}.cross_attn.q_proj.weight", hidden, hidden);
        _key = weights.Matrix($"{prefix}.cross_attn.k_proj.weight", config.KeySize, hidden);
        _value = weights.Matrix($"{prefix}.cross_attn.v_proj.weight", config.KeySize, hidden);
        _output = weights.Matrix($"{prefix}.cross_attn.o_proj.weight", hidden, hidden);
        _queryNorm = weights.Vector($"{prefix}.cross_attn.q_norm.weight", config.HeadSize);
        _keyNorm = weights.Vector($"{prefix}.cross_attn.k_norm.weight", config.HeadSize);
        _attentionGate = weights.Vector($"{prefix}.cross_attn_attn_gate", 1);
        _feedForwardGate = weights.Vector($"{prefix}.cross_attn_mlp_gate", 1);
        _feedForward = new DenseFeedForward(ops, weights, $"{prefix}.mlp", hidden, config.FeedForwardSize);
    }

    /// <summary>Without pictures the layer is skipped, its feed-forward too (note M5).</summary>
    public Tensor Forward(Tensor hidden, PictureReading? pictures)                                     // [.., hidden]
    {
        if (pictures is null)
        {
            return hidden;
        }

        var h = pictures.Rows is { } rows ? _ops.GatherRows(hidden, rows) : hidden;                        // [N, hidden]
        h = _ops.AddGated(h, Attend(_ops.RmsNorm(h, _inputNorm, _config.RmsNormEpsilon), pictures), _attentionGate);
        var x = _feedForward.Forward(_ops.RmsNorm(h, _postNorm, _config.RmsNormEpsilon));
        x = pictures.FeedForwardFactors is { } factors ? _ops.ScaleRows(x, factors) : x;
        h = _ops.AddGated(h, x, _feedForwardGate);
        h = pictures.Rows is { } places ? _ops.ScatterRows(hidden, places, h) : h;
        _ops.Observe(_name, h);
        return h;
    }

    /// <summary>Writes the keys and values of encoded pictures behind a cache's length.</summary>
    public void Remember(Tensor encoded, KvCache cache)                                                // [M, hidden]
    {
        var (k, v) = KeysAndValues(encoded);
        _ops.Attention(_ops.Upload([], 0, _config.HiddenSize), k, v, Plan([new SequenceSpan(0, 0, 0, encoded.Rows, 0, cache)]));
    }

    private Tensor Attend(Tensor x, PictureReading pictures)
    {
        var q = _ops.RmsNorm(_ops.Linear(x, _query), _queryNorm, _config.RmsNormEpsilon, _config.Heads);  // [N, H*D]
        var none = _ops.Upload([], 0, _config.KeySize);
        var (k, v) = pictures.Encoded is { } encoded ? KeysAndValues(encoded) : (none, none);
        return _ops.Linear(_ops.Attention(q, k, v, Plan(pictures.Spans)), _output);
    }

    private (Tensor Keys, Tensor Values) KeysAndValues(Tensor encoded) => (
        _ops.RmsNorm(_ops.Linear(encoded, _key), _keyNorm, _config.RmsNormEpsilon, _config.KeyHeads),   // [M, K*D]
        _ops.Linear(encoded, _value));

    private AttentionPlan Plan(IReadOnlyList<SequenceSpan> spans) => new(
        spans, _index, _config.Heads, _config.KeyHeads, _config.HeadSize, 1 / MathF.Sqrt(_config.HeadSize), AttentionMask.Full);
}
