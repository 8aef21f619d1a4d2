namespace GuardSharp.Checkpoints.Quantization;

/// <summary>Which weights of a model take four bits; the other matrices take eight.</summary>
internal enum FourBitWeights
{
    None,

    /// <summary>The layers of the language model but the first and the last, and the embedding unless the head shares it.</summary>
    InnerLayersAndTable,

    /// <summary>The gate and up projections.</summary>
    GateAndUp,

    /// <summary>All layers of the language model.</summary>
    Layers,
}

/// <summary>Which weights are quantised, and how.</summary>
/// <param name="Name">Its name on the command line and in <c>quantization.json</c>.</param>
/// <param name="FourBits">What takes four bits.</param>
/// <param name="Group">Inputs that share a scale of four-bit weights: 32 or 256. Weights of eight bits have one for every 32.</param>
/// <param name="ActivationsPerToken">Whether products round their activations a whole row at a time, asymmetric; else in blocks of 32, symmetric.</param>
/// <remarks>docs/decisions/0014-quantisation.md says why each weight is stored as it is.</remarks>
internal sealed record QuantisationScheme(string Name, FourBitWeights FourBits, int Group, bool ActivationsPerToken)
{
    // A model so shallow that its first and last layers are most of it gains too little by keeping them.
    private const int FewestLayersWithEnds = 4;

    private static readonly string[] _matrices =
        ["_proj.weight", ".fc1.weight", ".fc2.weight", "lm_head.weight", "embed_tokens.weight", "multi_modal_projector.weight", "multi_modal_projector.linear_1.weight"];

    /// <summary>Eight bits for everything.</summary>
    public static QuantisationScheme Int8 { get; } = new("int8", FourBitWeights.None, StoredBlocks.BlockSize, false);

    /// <summary>Four bits; eight for the head, the vision encoder and the first and last layer.</summary>
    public static QuantisationScheme Int4 { get; } = new("int4", FourBitWeights.InnerLayersAndTable, StoredBlocks.BlockSize, false);

    /// <summary>Four bits for the gate and up projections, half of a layer; eight for everything else.</summary>
    public static QuantisationScheme Mixed { get; } = new("mixed", FourBitWeights.GateAndUp, StoredBlocks.BlockSize, false);

    /// <summary>That of the published Llama Guard 3 1B INT4: every layer in four bits, groups of 256, activations of eight bits per token (arXiv:2411.17713).</summary>
    public static QuantisationScheme Published { get; } = new("published", FourBitWeights.Layers, StoredBlocks.BlockSize * StoredBlocks.BlocksPerGroup, true);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<QuantisationScheme> All => [Int8, Int4, Mixed, Published];

    /// <summary>What the files of weights say for themselves.</summary>
    public IReadOnlyDictionary<string, string> Metadata => new Dictionary<string, string>
    {
        ["format"] = "pt",
        [QuantisationRecord.Activations.Key] = ActivationsPerToken ? QuantisationRecord.Activations.PerToken : "block",
    };

    /// <summary>Finds a scheme by its name.</summary>
    /// <exception cref="CheckpointException">There is none of that name.</exception>
    public static QuantisationScheme Find(string name) => All.FirstOrDefault(scheme => scheme.Name == name)
        ?? throw new CheckpointException($"\"{Printable.Of(name)}\" is no quantisation scheme; there are {string.Join(", ", All.Select(scheme => scheme.Name))}.");

    /// <summary>How every tensor of a model will be stored, under its published name.</summary>
    /// <param name="config">The model.</param>
    /// <param name="sourceType">How the source stores a tensor, by its published name.</param>
    /// <exception cref="CheckpointException">A mixture of experts, whose experts have no quantised form.</exception>
    public IReadOnlyList<PlannedWeight> Plan(IModelConfig config, Func<string, TensorType> sourceType)
    {
        if (config.Dimensions.Experts > 0)
        {
            throw new CheckpointException(
                $"{ModelConfig.FileName} describes a mixture of {config.Dimensions.Experts} experts, which cannot be quantised: nearly all its weights are experts, and only dense layers have quantised kernels.");
        }

        var tensors = config.Tensors().ToList();
        var hasHead = tensors.Exists(tensor => IsHead(tensor.Name));
        return [.. tensors.Select(tensor => Planned(tensor.Name, tensor.Shape, sourceType(tensor.Name), FormatOf(tensor.Name, tensor.Shape, config.Dimensions.Layers, hasHead)))];
    }

    private PlannedWeight Planned(string name, long[] shape, TensorType type, NumberFormat format) =>
        new(name, shape, type, format, format == NumberFormat.Int4 ? Group : StoredBlocks.BlockSize);

    /// <remarks>Only what <c>Linear</c> and <c>Embed</c> of whole ids read is quantised: positions, tiles, gates and patches (few inputs, pixels of no common size) are not.</remarks>
    private NumberFormat FormatOf(string name, long[] shape, int layers, bool hasHead)
    {
        if (shape.Length != 2 || shape[1] < StoredBlocks.BlockSize || !Array.Exists(_matrices, ending => name.EndsWith(ending, StringComparison.Ordinal)))
        {
            return NumberFormat.Kept;
        }

        var isLayer = LayerOf(name) is not null;
        var isTable = name.EndsWith("embed_tokens.weight", StringComparison.Ordinal);
        var isEnd = layers >= FewestLayersWithEnds && LayerOf(name) is { } layer && (layer == 0 || layer == layers - 1);
        var fourBits = FourBits switch
        {
            FourBitWeights.InnerLayersAndTable => (isLayer && !isEnd) || (isTable && hasHead),
            FourBitWeights.GateAndUp => isLayer && (name.EndsWith("gate_proj.weight", StringComparison.Ordinal) || name.EndsWith("up_proj.weight", StringComparison.Ordinal)),
            FourBitWeights.Layers => isLayer,
            _ => false,
        };
        return fourBits ? NumberFormat.Int4 : NumberFormat.Int8;
    }

    private static bool IsHead(string name) => name.EndsWith("lm_head.weight", StringComparison.Ordinal);

    /// <summary>The number of a layer of the language model; null: the tensor is in none.</summary>
    private static int? LayerOf(string name)
    {
        const string Layers = "model.layers.";
        var at = name.StartsWith("vision_model.", StringComparison.Ordinal) ? -1 : name.IndexOf(Layers, StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        var digits = name.AsSpan(at + Layers.Length);
        return int.TryParse(digits[..digits.IndexOf('.')], out var layer) ? layer : null;
    }
}
