namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Reads the configuration of a llama model from the metadata of its GGUF file.</summary>
/// <remarks>Keys: GGUF specification (ggml, docs/gguf.md). The rotary scaling of Llama 3.1 and later lies in a tensor of divisors.</remarks>
internal static class GgufConfigReader
{
    private const int MaxWidth = 1 << 20;
    private const int MaxLayers = 1024;
    private const int MaxVocabulary = 1 << 24;
    private const int MaxPositions = 1 << 30;

    /// <summary>Reads a model file.</summary>
    /// <exception cref="CheckpointException">The file is damaged, or of an architecture that is not read from GGUF.</exception>
    public static LlamaConfig Read(string path)
    {
        using var file = GgufFile.Open(path);
        return Read(file);
    }

    /// <summary>Reads an open file.</summary>
    public static LlamaConfig Read(GgufFile file)
    {
        var architecture = file.Text("general.architecture") ?? throw file.Wrong("general.architecture", "is missing");
        if (architecture != "llama")
        {
            throw file.Wrong("general.architecture", $"is \"{Printable.Of(architecture)}\", but only \"llama\" (Llama Guard 3 8B and 1B) is read from GGUF; use the safetensors files");
        }

        Refuse(file);
        var tensors = file.Tensors.ToDictionary(tensor => tensor.Name);
        var heads = Needed(file, "llama.attention.head_count", 1, MaxWidth);
        var hidden = Needed(file, "llama.embedding_length", 1, MaxWidth);
        var headSize = file.Integer("llama.attention.key_length", 2, MaxWidth) ?? hidden / heads;
        var vocabulary = Vocabulary(file, tensors);
        return Check(file, new LlamaConfig
        {
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            Layers = Needed(file, "llama.block_count", 1, MaxLayers),
            Heads = heads,
            KeyHeads = file.Integer("llama.attention.head_count_kv", 1, MaxWidth) ?? heads,
            HeadSize = headSize,
            FeedForwardSize = Needed(file, "llama.feed_forward_length", 1, MaxWidth),
            RmsNormEpsilon = (float)(file.Number("llama.attention.layer_norm_rms_epsilon", 0, 1) ?? throw file.Wrong("llama.attention.layer_norm_rms_epsilon", "is missing")),
            RopeTheta = file.Number("llama.rope.freq_base", 1, 1e12) ?? 10000,
            RopeScaling = null,
            RopeDivisors = Divisors(tensors, headSize),
            // The converter reorders the rows of q and k so that pairs lie side by side; rotating such pairs undoes it without a copy.
            RotatesNeighbours = true,
            MaxPositions = Needed(file, "llama.context_length", 1, MaxPositions),
            TieWordEmbeddings = !tensors.ContainsKey("lm_head.weight"),
            BeginId = file.Integer("tokenizer.ggml.bos_token_id", 0, vocabulary - 1),
            EndIds = EndIds(file, vocabulary),
            UnknownKeys = [],
        });
    }

    private static void Refuse(GgufFile file)
    {
        if (file.Integer("llama.expert_count", 0, MaxWidth) > 0)
        {
            throw file.Wrong("llama.expert_count", "is above 0, but mixtures of experts are not read from GGUF");
        }

        if (file.Text("llama.rope.scaling.type") is { } scaling && scaling != "none")
        {
            throw file.Wrong("llama.rope.scaling.type", $"is \"{Printable.Of(scaling)}\", but only the divisors of Llama 3 (tensor {GgufNames.RopeFactors}) are supported");
        }
    }

    private static int Needed(GgufFile file, string key, int least, int most) => file.Integer(key, least, most) ?? throw file.Wrong(key, "is missing");

    private static int Vocabulary(GgufFile file, Dictionary<string, TensorEntry> tensors) =>
        tensors.TryGetValue("model.embed_tokens.weight", out var table) && table.Shape is [> 0 and <= MaxVocabulary and var rows, _]
            ? (int)rows
            : throw new CheckpointException($"{file.FileName}: there is no tensor \"token_embd.weight\" of two dimensions. Is it a whole model?");

    private static float[]? Divisors(Dictionary<string, TensorEntry> tensors, int headSize)
    {
        if (!tensors.TryGetValue(GgufNames.RopeFactors, out var entry))
        {
            return null;
        }

        if (entry.Type != TensorType.F32 || entry.Count != headSize / 2)
        {
            throw new CheckpointException($"{entry.Description}, but {headSize / 2} numbers of F32 are needed, one for each rotated pair.");
        }

        var divisors = entry.ToSingles();
        return Array.TrueForAll(divisors, divisor => float.IsFinite(divisor) && divisor > 0)
            ? divisors
            : throw new CheckpointException($"{entry.Description}: a divisor is not above 0. The file is damaged.");
    }

    private static List<int> EndIds(GgufFile file, int vocabulary)
    {
        var ids = new List<int>();
        foreach (var key in (string[])["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"])
        {
            if (file.Integer(key, 0, vocabulary - 1) is { } id && !ids.Contains(id))
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    private static LlamaConfig Check(GgufFile file, LlamaConfig config)
    {
        if (config.Heads % config.KeyHeads != 0)
        {
            throw file.Wrong("llama.attention.head_count_kv", $"is {config.KeyHeads}, but it must divide the {config.Heads} heads");
        }

        if (config.HeadSize < 2 || config.HeadSize % 2 != 0 || (long)config.Heads * config.HeadSize > MaxWidth)
        {
            throw file.Wrong("llama.attention.key_length", $"is {config.HeadSize}, but an even number is needed, of which {config.Heads} heads are at most {MaxWidth}");
        }

        var values = file.Integer("llama.attention.value_length", 2, MaxWidth) ?? config.HeadSize;
        var rotated = file.Integer("llama.rope.dimension_count", 2, MaxWidth) ?? config.HeadSize;
        return values == config.HeadSize && rotated == config.HeadSize ? config : throw file.Wrong(
            values != config.HeadSize ? "llama.attention.value_length" : "llama.rope.dimension_count", $"is not the head size, {config.HeadSize}, which alone is supported");
    }
}
