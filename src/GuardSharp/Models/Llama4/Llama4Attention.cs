using GuardSharp.Checkpoints;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>Causal self-attention with grouped key/value heads (GQA, arXiv:2305.13245), with or without rotation per layer.</summary>
/// <remarks>Shapes: N rows, H query heads, K key/value heads, D head size.</remarks>
internal sealed class Llama4Attention
{
    private readonly ITensorOps _ops;
    private readonly Llama4TextConfig _config;
    private readonly Weight _query;
    private readonly Weight _key;
    private readonly Weight _value;
    private readonly Weight _output;
    private readonly int _layer;
    private readonly bool _rotates;
    private readonly AttentionMask _mask;

    public Llama4Attention(ITensorOps ops, IWeightSource weights, string prefix, Llama4TextConfig config, int layer)
    {
        _ops = ops;
        _config = config;
        _layer = layer;
        _rotates = config.RopeLayers[layer];
        _mask = config.ChunkedLayers[layer] ? AttentionMask.Chunked : AttentionMask.Causal;
        _query = weights.Matrix($"{prefix}.q_proj.weight", config.Heads * config.HeadSize, config.HiddenSize);
        _key = weights.Matrix($"{prefix}.k_proj.weight", config.KeyHeads * config.HeadSize, config.HiddenSize);
        _value = weights.Matrix($"{prefix}.v_proj.weight", config.KeyHeads * config.HeadSize, config.HiddenSize);
        _output = weights.Matrix($"{prefix}.o_proj.weight", config.HiddenSize, config.Heads * config.HeadSize);
    }

    public Tensor Forward(Tensor x, LayerContext context)                                              // x [N, hidden]
    {
        var q = _ops.Linear(context.Pick(_ops, x), _query);                                              // [N or wanted, H*D]
        var k = _ops.Linear(x, _key);                                                                    // [N, K*D]
        var v = _ops.Linear(x, _value);                                                                  // [N, K*D]
        if (_rotates)
        {
            q = _ops.Rope(q, context.QueryRotation, _config.HeadSize);
            k = _ops.Rope(k, context.Rotation, _config.HeadSize);
            if (_config.UseQkNorm)
            {
                // After the rotation, per head, without a weight (model note L3).
                q = _ops.RmsNorm(q, null, _config.RmsNormEpsilon, _config.Heads);
                k = _ops.RmsNorm(k, null, _config.RmsNormEpsilon, _config.KeyHeads);
            }
        }
        else if (context.QueryFactors is { } factors)
        {
            q = _ops.ScaleRows(q, factors);
        }

        var scale = 1 / MathF.Sqrt(_config.HeadSize);
        var plan = new AttentionPlan(
            context.Sequences, _layer, _config.Heads, _config.KeyHeads, _config.HeadSize, scale, _mask, _config.ChunkSize ?? 0);
        return _ops.Linear(_ops.Attention(q, k, v, plan), _output);                                       // [N or wanted, hidden]
    }
}
