namespace GuardSharp.Checkpoints.Gguf;

/// <summary>The names of llama tensors in GGUF files and in the published safetensors files.</summary>
internal static class GgufNames
{
    /// <summary>Divisors of the rotary frequencies, which the converter computes from rope_scaling.</summary>
    public const string RopeFactors = "rope_freqs.weight";

    private const string Block = "blk.";
    private const string PublishedBlock = "model.layers.";
    private const string Weight = ".weight";

    private static readonly (string InFile, string Published)[] _parts =
    [
        ("attn_norm", "input_layernorm"),
        ("ffn_norm", "post_attention_layernorm"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
    ];

    private static readonly (string InFile, string Published)[] _wholes =
    [
        ("token_embd", "model.embed_tokens"),
        ("output_norm", "model.norm"),
        ("output", "lm_head"),
    ];

    /// <summary>The published name of a tensor; an unknown one stays as it is and ends as an unexpected tensor.</summary>
    public static string Published(string name) =>
        Translate(name, Block, pair => pair.InFile, pair => pair.Published, PublishedBlock) ?? name;

    /// <summary>The name in a GGUF file of a published tensor; an unknown one stays as it is.</summary>
    public static string InFile(string published) =>
        Translate(published, PublishedBlock, pair => pair.Published, pair => pair.InFile, Block) ?? published;

    private static string? Translate(
        string name, string block, Func<(string InFile, string Published), string> from, Func<(string InFile, string Published), string> to, string otherBlock)
    {
        if (!name.EndsWith(Weight, StringComparison.Ordinal))
        {
            return null;
        }

        var rest = name[..^Weight.Length];
        var (parts, layer) = (_wholes, "");
        if (rest.StartsWith(block, StringComparison.Ordinal))
        {
            var dot = rest.IndexOf('.', block.Length);
            if (dot < 0)
            {
                return null;
            }

            (parts, layer, rest) = (_parts, $"{otherBlock}{rest[block.Length..dot]}.", rest[(dot + 1)..]);
        }

        foreach (var pair in parts)
        {
            if (from(pair) == rest)
            {
                return $"{layer}{to(pair)}{Weight}";
            }
        }

        return null;
    }
}
