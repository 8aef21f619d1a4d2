using GuardSharp.Checkpoints;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>Causal self-attention with grouped key/value heads (GQA, arXiv:2305.13245), with or without rotation per layer.</summary>
/// <remarks>Shapes: N rows, H query heads, K key/value heads, D head size.</remarks>
internal sealed class Llama4Attention
{
    private readonly ITensorOps ops;
    private readonly Llama4TextConfig config;
    private readonly Weight query;
    private readonly Weight key;
    private readonly Weight value;
    private readonly Weight output;
    private readonly int layer;
    private readonly bool rotates;
    private readonly AttentionMask mask;

    public Llama4Attention(ITensorOps ops, IWeightSource weights, string prefix, Llama4TextConfig config, int layer)
    {
        this.ops = ops;
        this.config = config;
        this.layer = layer;
        rotates = config.RopeLayers[layer];
        mask = config.ChunkedLayers[layer] ? AttentionMask.Chunked : AttentionMask.Causal;
        query = weights.Matrix($"{prefix}.q_proj.weight", config.Heads * config.HeadSize, config.HiddenSize);
        key = weights.Matrix($"{prefix}.k_proj.weight", config.KeyHeads * config.HeadSize, config.HiddenSize);
        value = weights.Matrix($"{prefix}.v_proj.weight", config.KeyHeads * config.HeadSize, config.HiddenSize);
        output = weights.Matrix($"{prefix}.o_proj.weight", config.HiddenSize, config.Heads * config.HeadSize);
    }

    public Tensor Forward(Tensor x, LayerContext context)                                              // x [N, hidden]
    {
        var q = ops.Linear(x, query);                                                                  // [N, H*D]
        var k = ops.Linear(x, key);                                                                    // [N, K*D]
        var v = ops.Linear(x, value);                                                                  // [N, K*D]
        if (rotates)
        {
            q = ops.Rope(q, context.Rotation, config.HeadSize);
            k = ops.Rope(k, context.Rotation, config.HeadSize);
            if (config.UseQkNorm)
            {
                // After the rotation, per head, without a weight (model note L3).
                q = ops.RmsNorm(q, null, config.RmsNormEpsilon, config.Heads);
                k = ops.RmsNorm(k, null, config.RmsNormEpsilon, config.KeyHeads);
            }
        }
        else if (context.QueryFactors is { } factors)
        {
            q = ops.ScaleRows(q, factors);
        }

        var scale = 1 / MathF.Sqrt(config.HeadSize);
        var plan = new AttentionPlan(
            context.Sequences, layer, config.Heads, config.KeyHeads, config.HeadSize, scale, mask, config.ChunkSize ?? 0);
        return ops.Linear(ops.Attention(q, k, v, plan), output);                                       // [N, hidden]
    }
}
