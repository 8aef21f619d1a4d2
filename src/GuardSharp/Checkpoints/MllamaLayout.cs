namespace GuardSharp.Checkpoints;

/// <summary>Which tensors an mllama checkpoint holds: the names and shapes of the published files, derived from config.json alone.</summary>
internal static class MllamaLayout
{
    /// <summary>Every tensor of the model under its published name, in no particular order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Tensors(MllamaConfig config)
    {
        var (text, vision) = (config.Text, config.Vision);
        return Text(text).Concat(Vision(vision)).Concat(WithBias("multi_modal_projector", [text.HiddenSize, vision.OutputSize]));
    }

    private static IEnumerable<(string Name, long[] Shape)> Text(MllamaTextConfig text)
    {
        const string Model = "language_model.model.";
        yield return (Model + "embed_tokens.weight", [text.EmbeddingRows, text.HiddenSize]);
        yield return (Model + "norm.weight", [text.HiddenSize]);
        yield return ("language_model.lm_head.weight", [text.VocabularySize, text.HiddenSize]);
        for (var layer = 0; layer < text.Layers; layer++)
        {
            foreach (var (name, shape) in TextLayer(text, text.CrossLayers.Contains(layer)))
            {
                yield return ($"{Model}layers.{layer}.{name}", shape);
            }
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> TextLayer(MllamaTextConfig text, bool reads)
    {
        yield return ("input_layernorm.weight", [text.HiddenSize]);
        yield return ("post_attention_layernorm.weight", [text.HiddenSize]);
        yield return ("mlp.gate_proj.weight", [text.FeedForwardSize, text.HiddenSize]);
        yield return ("mlp.up_proj.weight", [text.FeedForwardSize, text.HiddenSize]);
        yield return ("mlp.down_proj.weight", [text.HiddenSize, text.FeedForwardSize]);
        var attention = reads ? "cross_attn." : "self_attn.";
        yield return (attention + "q_proj.weight", [text.HiddenSize, text.HiddenSize]);
        yield return (attention + "k_proj.weight", [text.KeySize, text.HiddenSize]);
        yield return (attention + "v_proj.weight", [text.KeySize, text.HiddenSize]);
        yield return (attention + "o_proj.weight", [text.HiddenSize, text.HiddenSize]);
        if (reads)
        {
            yield return ("cross_attn.q_norm.weight", [text.HeadSize]);
            yield return ("cross_attn.k_norm.weight", [text.HeadSize]);
            yield return ("cross_attn_attn_gate", [1]);
            yield return ("cross_attn_mlp_gate", [1]);
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> Vision(MllamaVisionConfig vision)
    {
        const string Model = "vision_model.";
        // One row per grid and one for "no picture" (note M7).
        var (hidden, grids) = (vision.HiddenSize, vision.Grids.Count + 1);
        yield return (Model + "class_embedding", [hidden]);
        yield return (Model + "patch_embedding.weight", [hidden, vision.Channels, vision.PatchSize, vision.PatchSize]);
        yield return (Model + "gated_positional_embedding.gate", [1]);
        yield return (Model + "gated_positional_embedding.embedding", [vision.Positions, hidden]);
        yield return (Model + "gated_positional_embedding.tile_embedding.weight", [grids, (long)vision.MaxTiles * vision.Positions * hidden]);
        foreach (var place in (string[])["pre", "post"])
        {
            yield return ($"{Model}{place}_tile_positional_embedding.gate", [1]);
            yield return ($"{Model}{place}_tile_positional_embedding.embedding.weight", [grids, (long)vision.MaxTiles * hidden]);
            foreach (var norm in WithBias($"{Model}layernorm_{place}", [hidden]))
            {
                yield return norm;
            }
        }

        var layers = Enumerable.Range(0, vision.LocalLayers).SelectMany(i => VisionLayer(vision, $"{Model}transformer.layers.{i}.", gated: false))
            .Concat(Enumerable.Range(0, vision.GlobalLayers).SelectMany(i => VisionLayer(vision, $"{Model}global_transformer.layers.{i}.", gated: true)));
        foreach (var tensor in layers)
        {
            yield return tensor;
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> VisionLayer(MllamaVisionConfig vision, string prefix, bool gated)
    {
        var (hidden, inner) = (vision.HiddenSize, vision.FeedForwardSize);
        string[] square = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
        var tensors = square.Select(name => ($"{prefix}{name}.weight", new long[] { hidden, hidden }))
            .Concat(WithBias(prefix + "input_layernorm", [hidden]))
            .Concat(WithBias(prefix + "post_attention_layernorm", [hidden]))
            .Concat(WithBias(prefix + "mlp.fc1", [inner, hidden]))
            .Concat(WithBias(prefix + "mlp.fc2", [hidden, inner]));
        return gated ? tensors.Append((prefix + "gate_attn", [1])).Append((prefix + "gate_ffn", [1])) : tensors;
    }

    private static (string Name, long[] Shape)[] WithBias(string name, long[] shape) => [(name + ".weight", shape), (name + ".bias", [shape[0]])];
}

/// <summary>The two ways in which files name the tensors of mllama (note M11). Networks ask for the published one.</summary>
internal static class MllamaNames
{
    // Longer beginnings first: language_model.lm_head and language_model.model begin alike.
    private static readonly (string Published, string Nested)[] Beginnings =
    [
        ("language_model.lm_head.", "lm_head."),
        ("language_model.model.", "model.language_model."),
        ("vision_model.", "model.vision_model."),
        ("multi_modal_projector.", "model.multi_modal_projector."),
    ];

    /// <summary>How a checkpoint names a tensor of a published name: as published, or as transformers from 4.52 on holds it in memory.</summary>
    public static Func<string, string> Of(Checkpoint checkpoint) =>
        checkpoint.TryGet(Nested("language_model.model.norm.weight"), out _) ? Nested : name => name;

    /// <summary>The name in files that were written without mapping the names back.</summary>
    public static string Nested(string published)
    {
        foreach (var (from, to) in Beginnings)
        {
            if (published.StartsWith(from, StringComparison.Ordinal))
            {
                return string.Concat(to, published.AsSpan(from.Length));
            }
        }

        return published;
    }
}
