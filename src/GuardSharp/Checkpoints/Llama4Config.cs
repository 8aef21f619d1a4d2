namespace GuardSharp.Checkpoints;

/// <summary>config.json of the llama4 architecture (Llama Guard 4, Scout, guardsharp-tiny), resolved: no key is left to be interpreted.</summary>
/// <remarks>Keys and their meaning: tests/golden/README.md, notes L1 to L12, after transformers' Llama4Config.</remarks>
internal sealed record Llama4Config : IModelConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = ModelConfig.FileName;

    /// <summary>The language model.</summary>
    public required Llama4TextConfig Text { get; init; }

    /// <summary>The vision encoder; null: the model takes text alone.</summary>
    public required Llama4VisionConfig? Vision { get; init; }

    /// <summary>Ids of the image markers; null exactly when <see cref="Vision"/> is.</summary>
    public required ImageTokens? ImageTokens { get; init; }

    /// <summary>Keys of the file that this version does not know. They did not change anything.</summary>
    public required IReadOnlyList<string> UnknownKeys { get; init; }

    /// <inheritdoc/>
    public string Architecture => "llama4";

    /// <inheritdoc/>
    public IReadOnlyList<int> EndIds => Text.EndIds;

    /// <inheritdoc/>
    public ModelDimensions Dimensions => new(Text.Layers, Text.HiddenSize, Text.Heads, Text.KeyHeads, Text.HeadSize, Text.VocabularySize, Text.MaxPositions)
    {
        Experts = Text.MoeLayers.Contains(true) ? Text.Experts : 0,
        ChunkSize = Text.ChunkSize,
        Vision = Vision is { } vision ? new VisionDimensions(vision.Layers, vision.HiddenSize, vision.ImageSize, vision.TokensPerTile) : null,
    };

    /// <inheritdoc/>
    public IEnumerable<(string Name, long[] Shape)> Tensors() => Llama4Layout.Tensors(this);

    /// <summary>Reads config.json of a model folder.</summary>
    /// <exception cref="CheckpointException">Names the file, the key, what was seen and what is allowed.</exception>
    public static Llama4Config Read(string folder) => JsonSection.ReadFile(Path.Combine(folder, FileName), Llama4ConfigReader.Read);
}

/// <summary>Ids of the tokens around and inside an image (note L11).</summary>
/// <param name="Begin">boi_token_index.</param>
/// <param name="End">eoi_token_index.</param>
/// <param name="Patch">image_token_index: the positions that receive image features.</param>
internal sealed record ImageTokens(int Begin, int End, int Patch);

/// <summary>The language model of llama4.</summary>
internal sealed record Llama4TextConfig
{
    /// <summary>Rows of the embedding and of the head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Transformer layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>Numbers per head; even.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Width of a dense feed-forward (intermediate_size_mlp, note L6).</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Width of an expert and of the shared expert (intermediate_size, note L6).</summary>
    public required int ExpertSize { get; init; }

    /// <summary>Experts of a mixture layer; 0 in a dense model. One is chosen per token.</summary>
    public required int Experts { get; init; }

    /// <summary>Epsilon of RMSNorm and of the norm of queries and keys.</summary>
    public required float RmsNormEpsilon { get; init; }

    /// <summary>Base of the rotary embedding.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Scaling of the rotary embedding; null: none.</summary>
    public required RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether the rotary frequencies are rounded to bfloat16, as happens to a reference model that is cast as a whole. Only verification of such recordings sets it.</summary>
    public bool RotaryInBFloat16 { get; init; }

    /// <summary>Positions the model was configured for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Whether rotated queries and keys are normalised (note L3).</summary>
    public required bool UseQkNorm { get; init; }

    /// <summary>Positions of an attention chunk; null: full attention everywhere (note L1).</summary>
    public required int? ChunkSize { get; init; }

    /// <summary>Whether layers without rotation scale their queries by position (note L4).</summary>
    public required bool TemperatureTuning { get; init; }

    /// <summary>floor_scale of note L4.</summary>
    public required float FloorScale { get; init; }

    /// <summary>attn_scale of note L4.</summary>
    public required float AttentionScale { get; init; }

    /// <summary>Whether the head is the embedding; the file then has no lm_head.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Per layer: whether it rotates queries and keys.</summary>
    public required bool[] RopeLayers { get; init; }

    /// <summary>Per layer: whether its feed-forward is a mixture of experts.</summary>
    public required bool[] MoeLayers { get; init; }

    /// <summary>Per layer: whether its attention is chunked. All false when <see cref="ChunkSize"/> is null.</summary>
    public required bool[] ChunkedLayers { get; init; }

    /// <summary>bos_token_id, if given.</summary>
    public required int? BeginId { get; init; }

    /// <summary>eos_token_id: the ids that end an answer; may be empty. generation_config.json has precedence (<see cref="GenerationConfig"/>).</summary>
    public required IReadOnlyList<int> EndIds { get; init; }

    /// <summary>Numbers of all query heads.</summary>
    public int QuerySize => Heads * HeadSize;

    /// <summary>Numbers of all key heads.</summary>
    public int KeySize => KeyHeads * HeadSize;
}

/// <summary>The vision encoder of llama4, its pixel shuffle and its adapter (notes L8 to L10).</summary>
internal sealed record Llama4VisionConfig
{
    /// <summary>Epsilon of every LayerNorm of the encoder; the reference does not read norm_eps (note L8).</summary>
    public const float NormEpsilon = 1e-5f;

    /// <summary>Patches that pixel shuffle joins along a side: 1 / pixel_shuffle_ratio. Only 0.5 is supported.</summary>
    public const int ShuffleFactor = 2;

    /// <summary>Width of the encoder.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Encoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Heads; keys and values have as many.</summary>
    public required int Heads { get; init; }

    /// <summary>Width of the feed-forward, and input of the adapter: HiddenSize * 4 (note L10).</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Pixels of a tile's side.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Pixels of a patch's side.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Colours.</summary>
    public required int Channels { get; init; }

    /// <summary>Width of the adapter's output, which multi_modal_projector.linear_1 maps to the text's width.</summary>
    public required int OutputSize { get; init; }

    /// <summary>Base of the two-dimensional rotary embedding.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Numbers per head; a multiple of 4 (two axes of complex numbers).</summary>
    public int HeadSize => HiddenSize / Heads;

    /// <summary>Patches along a side.</summary>
    public int GridSize => ImageSize / PatchSize;

    /// <summary>Positions of the encoder for a tile: its patches and the class token.</summary>
    public int Positions => (GridSize * GridSize) + 1;

    /// <summary>Numbers of a patch.</summary>
    public int PatchLength => Channels * PatchSize * PatchSize;

    /// <summary>Image features, and so patch tokens, of a tile: 144 for 336 pixels.</summary>
    public int TokensPerTile => GridSize / ShuffleFactor * (GridSize / ShuffleFactor);
}
