namespace GuardSharp.Checkpoints;

/// <summary>Reads config.json of llama. A key that changes the mathematics has a known value or is an error; an absent one has the default of transformers.</summary>
internal static class LlamaConfigReader
{
    // Bounds that no network in sight reaches: they only keep damaged files from asking for absurd memory.
    private const int MaxWidth = 1 << 20;
    private const int MaxLayers = 1024;
    private const int MaxVocabulary = 1 << 24;
    private const int MaxPositions = 1 << 30;

    /// <summary>Reads the root object.</summary>
    public static LlamaConfig Read(JsonSection root)
    {
        root.Require("model_type", "llama");
        if (root.Texts("architectures") is { } architectures && !architectures.Contains("LlamaForCausalLM"))
        {
            throw root.Error("architectures", $"\"{Printable.Of(string.Join(", ", architectures))}\"", "only \"LlamaForCausalLM\" is supported");
        }

        if (root.Section("quantization_config") is not null)
        {
            throw root.Error("quantization_config", "an object", "quantised checkpoints are not supported; use the checkpoint in F32, F16 or BF16");
        }

        root.Require("hidden_act", "silu");
        root.RequireFalse("attention_bias");
        root.RequireFalse("mlp_bias");
        root.Ignore("attention_dropout", "initializer_range", "pretraining_tp", "use_cache", "pad_token_id", "dtype", "torch_dtype", "transformers_version", "_name_or_path");
        var (theta, scaling) = RopeConfigReader.Read(root, 10000);
        var heads = root.Int("num_attention_heads", 1, MaxWidth);
        var hidden = root.Int("hidden_size", 1, MaxWidth);
        var vocabulary = root.Int("vocab_size", 1, MaxVocabulary);
        var config = Check(root, new LlamaConfig
        {
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            Layers = root.Int("num_hidden_layers", 1, MaxLayers),
            Heads = heads,
            KeyHeads = root.OptionalInt("num_key_value_heads", 1, MaxWidth) ?? heads,
            HeadSize = root.OptionalInt("head_dim", 2, MaxWidth) ?? hidden / heads,
            FeedForwardSize = root.Int("intermediate_size", 1, MaxWidth),
            RmsNormEpsilon = (float)(root.OptionalNumber("rms_norm_eps", 0, 1) ?? 1e-6),
            RopeTheta = theta,
            RopeScaling = scaling,
            MaxPositions = root.Int("max_position_embeddings", 1, MaxPositions),
            TieWordEmbeddings = root.Flag("tie_word_embeddings") ?? false,
            BeginId = root.OptionalInt("bos_token_id", 0, vocabulary - 1),
            EndIds = root.OneOrMoreInts("eos_token_id", 0, vocabulary - 1) ?? [],
            UnknownKeys = [],
        });
        return config with { UnknownKeys = [.. root.UnknownKeys()] };
    }

    private static LlamaConfig Check(JsonSection section, LlamaConfig config)
    {
        if (config.Heads % config.KeyHeads != 0)
        {
            throw section.Error("num_key_value_heads", $"{config.KeyHeads}", $"it must divide num_attention_heads, {config.Heads}");
        }

        if (config.HeadSize < 2 || config.HeadSize % 2 != 0)
        {
            throw section.Error("head_dim", $"{config.HeadSize}", "an even number is needed, for the rotation works on pairs");
        }

        return (long)config.Heads * config.HeadSize <= MaxWidth ? config : throw section.Error(
            "head_dim", $"{config.HeadSize}", $"{config.Heads} heads of it exceed the largest width, {MaxWidth}");
    }
}
