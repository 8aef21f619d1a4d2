namespace GuardSharp.Checkpoints;

/// <summary>Reads config.json of llama4. A key that changes the mathematics has a known value or is an error; an absent one has the default of transformers.</summary>
internal static class Llama4ConfigReader
{
    // Bounds that no network in sight reaches: they only keep damaged files from asking for absurd memory.
    private const int MaxWidth = 1 << 20;
    private const int MaxLayers = 1024;
    private const int MaxVocabulary = 1 << 24;
    private const int MaxPositions = 1 << 30;

    /// <summary>Reads the root object.</summary>
    public static Llama4Config Read(JsonSection root)
    {
        root.Require("model_type", "llama4");
        if (root.Texts("architectures") is { } architectures && !architectures.Contains("Llama4ForConditionalGeneration"))
        {
            throw root.Error("architectures", $"\"{Printable.Of(string.Join(", ", architectures))}\"", "only \"Llama4ForConditionalGeneration\" is supported");
        }

        if (root.Section("quantization_config") is not null)
        {
            throw root.Error("quantization_config", "an object", "quantised checkpoints are not supported; use the checkpoint in F32, F16 or BF16");
        }

        root.Ignore("dtype", "torch_dtype", "transformers_version", "_name_or_path", "pad_token_id", "bos_token_id", "eos_token_id", "use_cache");
        var textSection = root.Section("text_config") ?? throw root.Missing("text_config", "an object");
        var text = ReadText(textSection, Tied(root, textSection));
        var vision = root.Section("vision_config") is { } section ? Llama4VisionConfigReader.Read(section) : null;
        var tokens = vision is null ? null : new ImageTokens(
            TokenIndex(root, "boi_token_index", "boi_token_id", 200080, text),
            TokenIndex(root, "eoi_token_index", "eoi_token_id", 200081, text),
            TokenIndex(root, "image_token_index", "image_token_id", 200092, text));
        return new Llama4Config { Text = text, Vision = vision, ImageTokens = tokens, UnknownKeys = [.. root.UnknownKeys()] };
    }

    private static Llama4TextConfig ReadText(JsonSection text, bool tied)
    {
        text.Require("model_type", "llama4_text");
        text.Require("hidden_act", "silu");
        text.RequireFalse("attention_bias");
        text.RequireFalse("mlp_bias");
        text.RequireNumber("num_experts_per_tok", 1);
        text.Ignore("attention_dropout", "initializer_range", "output_router_logits", "router_aux_loss_coef", "router_jitter_noise", "use_cache",
            "pad_token_id", "dtype", "torch_dtype", "for_llm_compressor", "architectures", "transformers_version", "_name_or_path");
        var layers = text.Int("num_hidden_layers", 1, MaxLayers);
        var (theta, scaling) = RopeConfigReader.Read(text, 500000);
        var rope = RopeLayers(text, layers);
        var chunk = text.Has("attention_chunk_size") ? text.OptionalInt("attention_chunk_size", 1, MaxPositions) : 8192;
        var heads = text.Int("num_attention_heads", 1, MaxWidth);
        var hidden = text.Int("hidden_size", 1, MaxWidth);
        var experts = text.OptionalInt("num_local_experts", 0, MaxLayers) ?? 16;
        var vocabulary = text.Int("vocab_size", 1, MaxVocabulary);
        return Check(text, new Llama4TextConfig
        {
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            Layers = layers,
            Heads = heads,
            KeyHeads = text.OptionalInt("num_key_value_heads", 1, MaxWidth) ?? heads,
            HeadSize = text.OptionalInt("head_dim", 2, MaxWidth) ?? hidden / heads,
            FeedForwardSize = text.Int("intermediate_size_mlp", 1, MaxWidth),
            ExpertSize = text.Int("intermediate_size", 1, MaxWidth),
            Experts = experts,
            RmsNormEpsilon = (float)(text.OptionalNumber("rms_norm_eps", 0, 1) ?? 1e-5),
            RopeTheta = theta,
            RopeScaling = scaling,
            MaxPositions = text.Int("max_position_embeddings", 1, MaxPositions),
            UseQkNorm = text.Flag("use_qk_norm") ?? true,
            ChunkSize = chunk,
            TemperatureTuning = TemperatureTuning(text),
            FloorScale = (float)(text.OptionalNumber("floor_scale", 1, MaxPositions) ?? 8192),
            AttentionScale = (float)(text.OptionalNumber("attn_scale", -1000, 1000) ?? 0.1),
            TieWordEmbeddings = tied,
            RopeLayers = rope,
            MoeLayers = MoeLayers(text, layers, experts),
            ChunkedLayers = ChunkedLayers(text, rope, chunk),
            BeginId = text.OptionalInt("bos_token_id", 0, vocabulary - 1),
            EndIds = text.OneOrMoreInts("eos_token_id", 0, vocabulary - 1) ?? [],
        });
    }

    private static Llama4TextConfig Check(JsonSection section, Llama4TextConfig text)
    {
        if (text.Heads % text.KeyHeads != 0)
        {
            throw section.Error("num_key_value_heads", $"{text.KeyHeads}", $"it must divide num_attention_heads, {text.Heads}");
        }

        if (text.HeadSize < 2 || text.HeadSize % 2 != 0)
        {
            throw section.Error("head_dim", $"{text.HeadSize}", "an even number is needed, for the rotation works on pairs");
        }

        return (long)text.Heads * text.HeadSize <= MaxWidth ? text : throw section.Error(
            "head_dim", $"{text.HeadSize}", $"{text.Heads} heads of it exceed the largest width, {MaxWidth}");
    }

    // Both places exist in published files. transformers reads the text's; a contradiction is not ours to solve.
    private static bool Tied(JsonSection root, JsonSection text)
    {
        var (outer, inner) = (root.Flag("tie_word_embeddings"), text.Flag("tie_word_embeddings"));
        return outer is null || inner is null || outer == inner
            ? inner ?? outer ?? false
            : throw text.Error("tie_word_embeddings", inner.Value ? "true" : "false", "the file's outer tie_word_embeddings says the opposite");
    }

    private static int TokenIndex(JsonSection root, string key, string otherKey, int fallback, Llama4TextConfig text)
    {
        var id = root.OptionalInt(key, 0, text.VocabularySize - 1) ?? root.OptionalInt(otherKey, 0, text.VocabularySize - 1) ?? fallback;
        return id < text.VocabularySize ? id : throw root.Missing(key, $"a token id below vocab_size, {text.VocabularySize}");
    }

    // Files of the first llama4 release hold the number 4 where later ones hold true; the reference only asks whether it is zero.
    private static bool TemperatureTuning(JsonSection text)
    {
        if (text.TryGet("attn_temperature_tuning", out var value) && value.ValueKind == System.Text.Json.JsonValueKind.Number)
        {
            return text.Int("attn_temperature_tuning", 0, MaxLayers) != 0;
        }

        return text.Flag("attn_temperature_tuning") ?? true;
    }

    // Note L1: an empty list counts as absent; then every no_rope_layer_interval-th layer has no rotation.
    private static bool[] RopeLayers(JsonSection text, int layers)
    {
        var interval = text.OptionalInt("no_rope_layer_interval", 1, MaxPositions) ?? 4;
        var list = text.Ints("no_rope_layers", 0, 1);
        if (list is null or [])
        {
            return Build(layers, layer => (layer + 1) % interval != 0);
        }

        return list.Length == layers
            ? Build(layers, layer => list[layer] == 1)
            : throw text.Error("no_rope_layers", $"a list of {list.Length}", $"it needs one entry for each of the {layers} layers");
    }

    // Note L1: [] means dense; an absent list means every interleave_moe_layer_step-th layer.
    private static bool[] MoeLayers(JsonSection text, int layers, int experts)
    {
        var step = text.OptionalInt("interleave_moe_layer_step", 0, MaxLayers) ?? 1;
        var result = new bool[layers];
        if (text.Ints("moe_layers", 0, layers - 1) is { } list)
        {
            foreach (var layer in list)
            {
                result[layer] = true;
            }
        }
        else if (step > 0)
        {
            for (var layer = step - 1; layer < layers; layer += step)
            {
                result[layer] = true;
            }
        }
        else if (experts > 0)
        {
            throw text.Error("interleave_moe_layer_step", "0 without moe_layers", $"num_local_experts is {experts}: say which layers hold experts");
        }

        return experts > 0 || Array.TrueForAll(result, mixture => !mixture) ? result : throw text.Error(
            "num_local_experts", "0", "moe_layers (or interleave_moe_layer_step) asks for layers of experts; a dense model has moe_layers []");
    }

    private static bool[] ChunkedLayers(JsonSection text, bool[] rope, int? chunk)
    {
        var types = text.Texts("layer_types");
        if (types is not null && types.Length != rope.Length)
        {
            throw text.Error("layer_types", $"a list of {types.Length}", $"it needs one entry for each of the {rope.Length} layers");
        }

        return Build(rope.Length, layer => types?[layer] switch
        {
            null => rope[layer] && chunk is not null,
            "chunked_attention" => chunk is not null,
            "full_attention" => false,
            var type => throw text.Error(
                "layer_types", $"\"{Printable.Of(type)}\"", "\"chunked_attention\" and \"full_attention\" are supported"),
        });
    }

    // Plain loops in place of LINQ over values: those would be compiled at start, which costs some milliseconds.
    private static bool[] Build(int count, Func<int, bool> value)
    {
        var result = new bool[count];
        for (var i = 0; i < count; i++)
        {
            result[i] = value(i);
        }

        return result;
    }
}
