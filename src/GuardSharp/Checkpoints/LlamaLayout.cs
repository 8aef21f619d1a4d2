namespace GuardSharp.Checkpoints;

/// <summary>Which tensors a llama checkpoint holds: the names and shapes of the published files, derived from config.json alone.</summary>
internal static class LlamaLayout
{
    /// <summary>Every tensor of the model, in no particular order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Tensors(LlamaConfig config)
    {
        yield return ("model.embed_tokens.weight", [config.VocabularySize, config.HiddenSize]);
        yield return ("model.norm.weight", [config.HiddenSize]);
        if (config.RopeDivisors is { } divisors)
        {
            yield return (Gguf.GgufNames.RopeFactors, [divisors.Length]);
        }

        if (!config.TieWordEmbeddings)
        {
            yield return ("lm_head.weight", [config.HeadRows, config.HiddenSize]);
        }

        for (var layer = 0; layer < config.Layers; layer++)
        {
            foreach (var (name, shape) in Layer(config))
            {
                yield return ($"model.layers.{layer}.{name}", shape);
            }
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> Layer(LlamaConfig config)
    {
        yield return ("input_layernorm.weight", [config.HiddenSize]);
        yield return ("post_attention_layernorm.weight", [config.HiddenSize]);
        yield return ("self_attn.q_proj.weight", [config.QuerySize, config.HiddenSize]);
        yield return ("self_attn.k_proj.weight", [config.KeySize, config.HiddenSize]);
        yield return ("self_attn.v_proj.weight", [config.KeySize, config.HiddenSize]);
        yield return ("self_attn.o_proj.weight", [config.HiddenSize, config.QuerySize]);
        yield return ("mlp.gate_proj.weight", [config.FeedForwardSize, config.HiddenSize]);
        yield return ("mlp.up_proj.weight", [config.FeedForwardSize, config.HiddenSize]);
        yield return ("mlp.down_proj.weight", [config.HiddenSize, config.FeedForwardSize]);
    }
}
