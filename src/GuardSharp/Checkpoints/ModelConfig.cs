using GuardSharp.Checkpoints.Gguf;

namespace GuardSharp.Checkpoints;

/// <summary>What the config.json of every architecture says to those who need not know which one it is.</summary>
internal interface IModelConfig
{
    /// <summary>model_type: llama4, llama or mllama.</summary>
    string Architecture { get; }

    /// <summary>The network's sizes.</summary>
    ModelDimensions Dimensions { get; }

    /// <summary>eos_token_id: the ids that end an answer; may be empty. generation_config.json has precedence (<see cref="GenerationConfig"/>).</summary>
    IReadOnlyList<int> EndIds { get; }

    /// <summary>Keys of the file that this version does not know. They did not change anything.</summary>
    IReadOnlyList<string> UnknownKeys { get; }

    /// <summary>Every tensor of the model by its published name, in no particular order.</summary>
    IEnumerable<(string Name, long[] Shape)> Tensors();

    /// <summary>How a checkpoint names the tensors of <see cref="Tensors"/>, where files of more than one naming exist.</summary>
    Func<string, string> NamesIn(Checkpoint checkpoint) => name => name;
}

/// <summary>The sizes of a network.</summary>
/// <param name="Layers">Layers of the language model.</param>
/// <param name="HiddenSize">Width of its residual stream.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyHeads">Key and value heads.</param>
/// <param name="HeadSize">Numbers per head.</param>
/// <param name="VocabularySize">Columns of the full logits.</param>
/// <param name="MaxPositions">Positions the model was configured for.</param>
internal sealed record ModelDimensions(int Layers, int HiddenSize, int Heads, int KeyHeads, int HeadSize, int VocabularySize, int MaxPositions)
{
    /// <summary>Ids that may stand in a prompt: rows of the embedding. mllama has more than it has logits.</summary>
    public int InputIds { get; init; } = VocabularySize;

    /// <summary>The tokens that a pruned head can answer with; null: all of them.</summary>
    public IReadOnlySet<int>? OutputTokens { get; init; }

    /// <summary>Experts of a mixture layer; 0 in a dense model.</summary>
    public int Experts { get; init; }

    /// <summary>Positions of an attention chunk; null: full attention.</summary>
    public int? ChunkSize { get; init; }

    /// <summary>Its vision encoder; null: the model takes text alone.</summary>
    public VisionDimensions? Vision { get; init; }
}

/// <summary>The sizes of a vision encoder.</summary>
/// <param name="Layers">Its layers.</param>
/// <param name="HiddenSize">Its width.</param>
/// <param name="TileSize">Side of a tile in pixels.</param>
/// <param name="TokensPerTile">Tokens that a tile takes of the context; 0 where pictures are read by cross-attention.</param>
internal sealed record VisionDimensions(int Layers, int HiddenSize, int TileSize, int TokensPerTile);

/// <summary>config.json of any architecture that is supported.</summary>
internal static class ModelConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "config.json";

    /// <summary>Reads config.json of a model folder, or the metadata of its GGUF file.</summary>
    /// <exception cref="CheckpointException">The architecture is not supported, or a key is not; names the file, the key, what was seen and what is allowed.</exception>
    public static IModelConfig Read(string folder) => GgufFile.Find(folder) is { } gguf
        ? GgufConfigReader.Read(gguf)
        : JsonSection.ReadFile(Path.Combine(folder, FileName), root => Read(root, () => GuardManifest.Read(folder)?.OutputTokens));

    /// <summary>Reads a config.json that lies in no folder, so no head of it is pruned.</summary>
    /// <exception cref="CheckpointException">As for <see cref="Read(string)"/>.</exception>
    public static IModelConfig Parse(string file, ReadOnlyMemory<byte> json) => JsonSection.Parse(file, json, root => Read(root, () => null));

    private static IModelConfig Read(JsonSection root, Func<IReadOnlyList<int>?> outputTokens) => root.Text("model_type") switch
    {
        "llama4" => Llama4ConfigReader.Read(root),
        "llama" => LlamaConfigReader.Read(root).WithOutputTokens(outputTokens()),
        "mllama" => MllamaConfigReader.Read(root),
        null => throw root.Missing("model_type", "\"llama4\", \"llama\" or \"mllama\""),
        var other => throw root.Error("model_type", $"\"{Printable.Of(other)}\"",
            "\"llama4\" (Llama Guard 4), \"llama\" (Llama Guard 3 8B and 1B) and \"mllama\" (Llama Guard 3 Vision) are supported"),
    };

    /// <summary>The name of a model that gives itself none: its folder's or GGUF file's, or in the cache of a hub, whose folders are commits, the repository's.</summary>
    public static string NameOf(string folder)
    {
        if (File.Exists(folder))
        {
            return Path.GetFileNameWithoutExtension(folder);
        }

        var path = new DirectoryInfo(folder);
        return path.Parent is { Name: "snapshots", Parent: { } repository } && repository.Name.LastIndexOf("--", StringComparison.Ordinal) is >= 0 and var at
            ? repository.Name[(at + 2)..]
            : path.Name;
    }

    /// <summary>Numbers of the whole model.</summary>
    public static Int128 Parameters(this IModelConfig config)
    {
        Int128 sum = 0;
        foreach (var (_, shape) in config.Tensors())
        {
            sum += shape.Aggregate(Int128.One, (product, size) => product * size);
        }

        return sum;
    }
}
