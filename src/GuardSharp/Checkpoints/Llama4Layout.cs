namespace GuardSharp.Checkpoints;

/// <summary>Which tensors a llama4 checkpoint holds: the names and shapes of the published files, derived from config.json alone.</summary>
internal static class Llama4Layout
{
    /// <summary>Every tensor of the model, in no particular order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Tensors(Llama4Config config)
    {
        var text = Text(config.Text);
        return config.Vision is { } vision ? text.Concat(Vision(vision, config.Text.HiddenSize)) : text;
    }

    private static IEnumerable<(string Name, long[] Shape)> Text(Llama4TextConfig text)
    {
        const string Model = "language_model.model.";
        yield return (Model + "embed_tokens.weight", [text.VocabularySize, text.HiddenSize]);
        yield return (Model + "norm.weight", [text.HiddenSize]);
        if (!text.TieWordEmbeddings)
        {
            yield return ("language_model.lm_head.weight", [text.VocabularySize, text.HiddenSize]);
        }

        for (var layer = 0; layer < text.Layers; layer++)
        {
            foreach (var (name, shape) in TextLayer(text, text.MoeLayers[layer]))
            {
                yield return ($"{Model}layers.{layer}.{name}", shape);
            }
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> TextLayer(Llama4TextConfig text, bool experts)
    {
        yield return ("input_layernorm.weight", [text.HiddenSize]);
        yield return ("post_attention_layernorm.weight", [text.HiddenSize]);
        yield return ("self_attn.q_proj.weight", [text.QuerySize, text.HiddenSize]);
        yield return ("self_attn.k_proj.weight", [text.KeySize, text.HiddenSize]);
        yield return ("self_attn.v_proj.weight", [text.KeySize, text.HiddenSize]);
        yield return ("self_attn.o_proj.weight", [text.HiddenSize, text.QuerySize]);
        var (prefix, size) = experts ? ("feed_forward.shared_expert.", text.ExpertSize) : ("feed_forward.", text.FeedForwardSize);
        yield return (prefix + "gate_proj.weight", [size, text.HiddenSize]);
        yield return (prefix + "up_proj.weight", [size, text.HiddenSize]);
        yield return (prefix + "down_proj.weight", [text.HiddenSize, size]);
        if (experts)
        {
            // Experts lie as [experts, inputs, outputs], gate before up (note L6).
            yield return ("feed_forward.router.weight", [text.Experts, text.HiddenSize]);
            yield return ("feed_forward.experts.gate_up_proj", [text.Experts, text.HiddenSize, 2L * text.ExpertSize]);
            yield return ("feed_forward.experts.down_proj", [text.Experts, text.ExpertSize, text.HiddenSize]);
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> Vision(Llama4VisionConfig vision, int textSize)
    {
        yield return ("vision_model.class_embedding", [vision.HiddenSize]);
        yield return ("vision_model.positional_embedding_vlm", [vision.Positions, vision.HiddenSize]);
        yield return ("vision_model.patch_embedding.linear.weight", [vision.HiddenSize, vision.PatchLength]);
        yield return ("vision_model.vision_adapter.mlp.fc1.weight", [vision.OutputSize, vision.FeedForwardSize]);
        yield return ("vision_model.vision_adapter.mlp.fc2.weight", [vision.OutputSize, vision.OutputSize]);
        yield return ("multi_modal_projector.linear_1.weight", [textSize, vision.OutputSize]);
        foreach (var norm in WithBias("vision_model.layernorm_pre", [vision.HiddenSize]).Concat(WithBias("vision_model.layernorm_post", [vision.HiddenSize])))
        {
            yield return norm;
        }

        for (var layer = 0; layer < vision.Layers; layer++)
        {
            var prefix = $"vision_model.model.layers.{layer}.";
            string[] square = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
            var tensors = square.SelectMany(name => WithBias(prefix + name, [vision.HiddenSize, vision.HiddenSize]))
                .Concat(WithBias(prefix + "input_layernorm", [vision.HiddenSize]))
                .Concat(WithBias(prefix + "post_attention_layernorm", [vision.HiddenSize]))
                .Concat(WithBias(prefix + "mlp.fc1", [vision.FeedForwardSize, vision.HiddenSize]))
                .Concat(WithBias(prefix + "mlp.fc2", [vision.HiddenSize, vision.FeedForwardSize]));
            foreach (var tensor in tensors)
            {
                yield return tensor;
            }
        }
    }

    private static (string Name, long[] Shape)[] WithBias(string name, long[] shape) => [(name + ".weight", shape), (name + ".bias", [shape[0]])];
}
