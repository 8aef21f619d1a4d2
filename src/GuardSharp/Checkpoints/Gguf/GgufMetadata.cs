namespace GuardSharp.Checkpoints.Gguf;

/// <summary>The metadata that llama.cpp needs of a llama model.</summary>
/// <remarks>Keys: GGUF specification (ggml, docs/gguf.md) and llama.cpp's llama-arch.cpp. Read back by <see cref="GgufConfigReader"/>.</remarks>
internal static class GgufMetadata
{
    // Of the block layouts, which changed once.
    private const int QuantisationVersion = 2;

    private const string Tokenizer = "tokenizer.ggml.";

    /// <summary>The key of guardsharp.json's text, which llama.cpp does not know and keeps.</summary>
    public const string Manifest = "guardsharp.manifest";

    /// <summary>Adds all keys.</summary>
    public static void Add(GgufHeaderWriter header, LlamaConfig config, GgufForm form, GgufVocabulary? vocabulary, GuardManifest? manifest)
    {
        header.Add("general.architecture", "llama");
        header.Add("general.file_type", form.FileType);
        header.Add("general.quantization_version", QuantisationVersion);
        header.Add("llama.block_count", config.Layers);
        header.Add("llama.context_length", config.MaxPositions);
        header.Add("llama.embedding_length", config.HiddenSize);
        header.Add("llama.feed_forward_length", config.FeedForwardSize);
        header.Add("llama.attention.head_count", config.Heads);
        header.Add("llama.attention.head_count_kv", config.KeyHeads);
        header.Add("llama.attention.key_length", config.HeadSize);
        header.Add("llama.attention.value_length", config.HeadSize);
        header.Add("llama.rope.dimension_count", config.HeadSize);
        header.Add("llama.vocab_size", config.VocabularySize);
        header.Add("llama.attention.layer_norm_rms_epsilon", config.RmsNormEpsilon);
        header.Add("llama.rope.freq_base", (float)config.RopeTheta);
        if (manifest is not null)
        {
            // The hash is that of other files' weights.
            header.Add(Manifest, (manifest with { WeightsSha256 = null }).ToJson());
        }

        if (vocabulary is null)
        {
            header.Add(Tokenizer + "model", "no_vocab");
        }
        else
        {
            AddVocabulary(header, config, vocabulary);
        }
    }

    private static void AddVocabulary(GgufHeaderWriter header, LlamaConfig config, GgufVocabulary vocabulary)
    {
        header.Add(Tokenizer + "model", "gpt2");
        header.Add(Tokenizer + "pre", "llama-bpe");
        header.Add(Tokenizer + "tokens", vocabulary.Tokens);
        header.Add(Tokenizer + "token_type", vocabulary.Types);
        header.Add(Tokenizer + "merges", vocabulary.Merges);
        if (config.BeginId is { } begin)
        {
            header.Add(Tokenizer + "bos_token_id", begin);
        }

        foreach (var (key, id) in Ends(config.EndIds, vocabulary.Tokens))
        {
            header.Add(Tokenizer + key, id);
        }
    }

    // Each of the ids that end an answer has a key of its own: by what its token is called, the others by order.
    private static Dictionary<string, int> Ends(IReadOnlyList<int> ids, IReadOnlyList<string> tokens)
    {
        var ends = new Dictionary<string, int>();
        foreach (var (key, name) in ((string, string)[])[("eos_token_id", "<|end_of_text|>"), ("eot_token_id", "<|eot_id|>"), ("eom_token_id", "<|eom_id|>")])
        {
            var called = ids.Where(id => tokens[id] == name);
            var other = ids.Where(id => !ends.ContainsValue(id) && tokens[id] is not ("<|end_of_text|>" or "<|eot_id|>" or "<|eom_id|>"));
            if (called.Concat(other).Select(id => (int?)id).FirstOrDefault() is { } end)
            {
                ends.Add(key, end);
            }
        }

        // llama.cpp insists on an end of the text.
        if (ids is [var first, ..])
        {
            ends.TryAdd("eos_token_id", first);
        }

        return ends;
    }
}
