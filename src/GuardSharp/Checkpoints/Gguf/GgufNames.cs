namespace GuardSharp.Checkpoints.Gguf;

/// <summary>The names of llama tensors in GGUF files and in the published safetensors files.</summary>
internal static class GgufNames
{
    /// <summary>Divisors of the rotary frequencies, which the converter computes from rope_scaling.</summary>
    public const string RopeFactors = "rope_freqs.weight";

    private const string Block = "blk.";

    /// <summary>The published name of a tensor; an unknown one stays as it is and ends as an unexpected tensor.</summary>
    public static string Published(string name)
    {
        if (!name.StartsWith(Block, StringComparison.Ordinal))
        {
            return name switch
            {
                "token_embd.weight" => "model.embed_tokens.weight",
                "output_norm.weight" => "model.norm.weight",
                "output.weight" => "lm_head.weight",
                _ => name,
            };
        }

        var rest = name.AsSpan(Block.Length);
        var dot = rest.IndexOf('.');
        var part = dot < 0 ? null : rest[(dot + 1)..] switch
        {
            "attn_norm.weight" => "input_layernorm",
            "ffn_norm.weight" => "post_attention_layernorm",
            "attn_q.weight" => "self_attn.q_proj",
            "attn_k.weight" => "self_attn.k_proj",
            "attn_v.weight" => "self_attn.v_proj",
            "attn_output.weight" => "self_attn.o_proj",
            "ffn_gate.weight" => "mlp.gate_proj",
            "ffn_up.weight" => "mlp.up_proj",
            "ffn_down.weight" => "mlp.down_proj",
            _ => null,
        };
        return part is null ? name : $"model.layers.{rest[..dot]}.{part}.weight";
    }
}
