namespace GuardSharp.Checkpoints;

/// <summary>Reads config.json of mllama. A key that changes the mathematics has a known value or is an error; an absent one has the default of transformers.</summary>
internal static class MllamaConfigReader
{
    // Bounds that no network in sight reaches: they only keep damaged files from asking for absurd memory.
    private const int MaxWidth = 1 << 20;
    private const int MaxLayers = 1024;
    private const int MaxVocabulary = 1 << 24;
    private const int MaxPositions = 1 << 30;

    // What transformers before 4.46 wrote into every section, whatever the model: none of it changes a forward pass.
    private static readonly string[] WithoutEffect =
    [
        "_attn_implementation_autoset", "_name_or_path", "add_cross_attention", "architectures", "bad_words_ids", "begin_suppress_tokens",
        "bos_token_id", "chunk_size_feed_forward", "cross_attention_hidden_size", "decoder_start_token_id", "diversity_penalty", "do_sample",
        "dropout", "dtype", "early_stopping", "encoder_no_repeat_ngram_size", "eos_token_id", "exponential_decay_length_penalty",
        "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "id2label", "initializer_range", "is_decoder", "is_encoder_decoder",
        "label2id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
        "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix", "problem_type",
        "pruned_heads", "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id",
        "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder", "tokenizer_class", "top_k", "top_p",
        "torch_dtype", "torchscript", "transformers_version", "typical_p", "use_bfloat16", "use_cache",
    ];

    /// <summary>Reads the root object.</summary>
    public static MllamaConfig Read(JsonSection root)
    {
        root.Require("model_type", "mllama");
        if (root.Texts("architectures") is { } architectures && !architectures.Contains("MllamaForConditionalGeneration"))
        {
            throw root.Error("architectures", $"\"{Printable.Of(string.Join(", ", architectures))}\"", "only \"MllamaForConditionalGeneration\" is supported");
        }

        if (root.Section("quantization_config") is not null)
        {
            throw root.Error("quantization_config", "an object", "quantised checkpoints are not supported; use the checkpoint in F32, F16 or BF16");
        }

        root.Ignore(WithoutEffect);
        root.RequireFalse("tie_word_embeddings");
        var text = ReadText(root.Section("text_config") ?? throw root.Missing("text_config", "an object"));
        var vision = MllamaVisionConfigReader.Read(root.Section("vision_config") ?? throw root.Missing("vision_config", "an object"), WithoutEffect);
        var image = root.OptionalInt("image_token_index", 0, text.EmbeddingRows - 1) ?? root.OptionalInt("image_token_id", 0, text.EmbeddingRows - 1) ?? 128256;
        return new MllamaConfig
        {
            Text = text,
            Vision = vision,
            ImageToken = image < text.EmbeddingRows ? image : throw root.Missing("image_token_index", $"a token id below vocab_size + 8, {text.EmbeddingRows}"),
            UnknownKeys = [.. root.UnknownKeys()],
        };
    }

    private static MllamaTextConfig ReadText(JsonSection text)
    {
        text.Require("model_type", "mllama_text_model");
        text.Require("hidden_act", "silu");
        text.RequireFalse("tie_word_embeddings");
        text.Ignore(WithoutEffect);
        var layers = text.OptionalInt("num_hidden_layers", 1, MaxLayers) ?? 40;
        var (theta, scaling) = RopeConfigReader.Read(text, 500000);
        var vocabulary = text.OptionalInt("vocab_size", 1, MaxVocabulary) ?? 128256;
        return Check(text, new MllamaTextConfig
        {
            VocabularySize = vocabulary,
            HiddenSize = text.OptionalInt("hidden_size", 1, MaxWidth) ?? 4096,
            Layers = layers,
            Heads = text.OptionalInt("num_attention_heads", 1, MaxWidth) ?? 32,
            KeyHeads = text.OptionalInt("num_key_value_heads", 1, MaxWidth) ?? 8,
            FeedForwardSize = text.OptionalInt("intermediate_size", 1, MaxWidth) ?? 14336,
            RmsNormEpsilon = (float)(text.OptionalNumber("rms_norm_eps", 0, 1) ?? 1e-5),
            RopeTheta = theta,
            RopeScaling = scaling,
            MaxPositions = text.OptionalInt("max_position_embeddings", 1, MaxPositions) ?? 131072,
            CrossLayers = Rising(text, "cross_attention_layers", layers, [3, 8, 13, 18, 23, 28, 33, 38]),
            BeginId = text.OptionalInt("bos_token_id", 0, vocabulary - 1),
            EndIds = text.OneOrMoreInts("eos_token_id", 0, vocabulary - 1) ?? [],
        });
    }

    private static MllamaTextConfig Check(JsonSection section, MllamaTextConfig text)
    {
        if (text.Heads % text.KeyHeads != 0)
        {
            throw section.Error("num_key_value_heads", $"{text.KeyHeads}", $"it must divide num_attention_heads, {text.Heads}");
        }

        return text.HiddenSize % text.Heads == 0 && text.HeadSize % 2 == 0 ? text : throw section.Error(
            "num_attention_heads", $"{text.Heads}", $"hidden_size, {text.HiddenSize}, must divide into heads of an even number, for the rotation works on pairs");
    }

    /// <summary>A list of different layer indices in rising order.</summary>
    internal static int[] Rising(JsonSection section, string key, int layers, int[] fallback)
    {
        var list = section.Ints(key, 0, layers - 1) ?? fallback;
        for (var i = 0; i < list.Length; i++)
        {
            if (list[i] >= layers || (i > 0 && list[i] <= list[i - 1]))
            {
                throw section.Error(key, $"[{string.Join(", ", list)}]", $"rising layer numbers below {layers} are needed");
            }
        }

        return list;
    }
}
