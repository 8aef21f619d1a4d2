namespace GuardSharp.Checkpoints;

/// <summary>config.json of the mllama architecture (Llama Guard 3 Vision), resolved: no key is left to be interpreted.</summary>
/// <remarks>Keys and their meaning: tests/golden/README.md, notes M1 to M13, after transformers' MllamaConfig.</remarks>
internal sealed record MllamaConfig : IModelConfig
{
    /// <summary>The language model.</summary>
    public required MllamaTextConfig Text { get; init; }

    /// <summary>The vision encoder.</summary>
    public required MllamaVisionConfig Vision { get; init; }

    /// <summary>image_token_index: the token that stands for a picture. It has an embedding but no logit (note M9).</summary>
    public required int ImageToken { get; init; }

    /// <summary>Keys of the file that this version does not know. They did not change anything.</summary>
    public required IReadOnlyList<string> UnknownKeys { get; init; }

    /// <inheritdoc/>
    public string Architecture => "mllama";

    /// <inheritdoc/>
    public IReadOnlyList<int> EndIds => Text.EndIds;

    /// <inheritdoc/>
    public ModelDimensions Dimensions => new(Text.Layers, Text.HiddenSize, Text.Heads, Text.KeyHeads, Text.HeadSize, Text.VocabularySize, Text.MaxPositions)
    {
        InputIds = Text.EmbeddingRows,
        Vision = new VisionDimensions(Vision.LocalLayers + Vision.GlobalLayers, Vision.HiddenSize, Vision.ImageSize, TokensPerTile: 0),
    };

    /// <inheritdoc/>
    public IEnumerable<(string Name, long[] Shape)> Tensors() => MllamaLayout.Tensors(this);

    /// <inheritdoc/>
    public Func<string, string> NamesIn(Checkpoint checkpoint) => MllamaNames.Of(checkpoint);

    /// <summary>Reads config.json of a model folder.</summary>
    /// <exception cref="CheckpointException">Names the file, the key, what was seen and what is allowed.</exception>
    public static MllamaConfig Read(string folder) => JsonSection.ReadFile(Path.Combine(folder, Llama4Config.FileName), MllamaConfigReader.Read);
}

/// <summary>The language model of mllama: Llama 3.1 with layers of cross-attention between its own.</summary>
internal sealed record MllamaTextConfig
{
    /// <summary>Rows of the embedding behind those of the head: the picture's token and seven unused ones (note M9).</summary>
    public const int ExtraEmbeddings = 8;

    /// <summary>Rows of the head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers, those of cross-attention included (note M10).</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>Width of the feed-forward.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Epsilon of RMSNorm and of the norms of queries and keys in cross-attention.</summary>
    public required float RmsNormEpsilon { get; init; }

    /// <summary>Base of the rotary embedding.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Scaling of the rotary embedding; null: none.</summary>
    public required RopeScaling? RopeScaling { get; init; }

    /// <summary>Positions the model was configured for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Indices of the layers that read pictures instead of earlier tokens, rising.</summary>
    public required IReadOnlyList<int> CrossLayers { get; init; }

    /// <summary>bos_token_id, if given.</summary>
    public required int? BeginId { get; init; }

    /// <summary>eos_token_id: the ids that end an answer; may be empty. generation_config.json has precedence (<see cref="GenerationConfig"/>).</summary>
    public required IReadOnlyList<int> EndIds { get; init; }

    /// <summary>Numbers per head; even.</summary>
    public int HeadSize => HiddenSize / Heads;

    /// <summary>Numbers of all key heads.</summary>
    public int KeySize => KeyHeads * HeadSize;

    /// <summary>Rows of the embedding.</summary>
    public int EmbeddingRows => VocabularySize + ExtraEmbeddings;
}

/// <summary>The vision encoder of mllama: a local encoder, then a gated global one (notes M1 to M3, M7, M8).</summary>
internal sealed record MllamaVisionConfig
{
    /// <summary>Epsilon of the norms before and behind the local encoder; only those inside the layers follow norm_eps (note M8).</summary>
    public const float OuterNormEpsilon = 1e-5f;

    /// <summary>Rows of a tile are padded to a multiple of this (note M3).</summary>
    public const int RowMultiple = 8;

    /// <summary>Width of the encoder.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers of the local encoder.</summary>
    public required int LocalLayers { get; init; }

    /// <summary>Layers of the global encoder.</summary>
    public required int GlobalLayers { get; init; }

    /// <summary>Heads; keys and values have as many.</summary>
    public required int Heads { get; init; }

    /// <summary>Width of the feed-forward.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Epsilon of the norms inside the layers.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Pixels of a tile's side.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Pixels of a patch's side.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Colours.</summary>
    public required int Channels { get; init; }

    /// <summary>Most tiles of a picture; fewer are filled up with empty ones.</summary>
    public required int MaxTiles { get; init; }

    /// <summary>Local layers whose INPUT is appended to the features (note M1), rising.</summary>
    public required IReadOnlyList<int> IntermediateLayers { get; init; }

    /// <summary>Allowed grids (tiles high, tiles wide) in the order of their ids: the id of a grid is 1 + its index (note M7).</summary>
    public required IReadOnlyList<(int Rows, int Columns)> Grids { get; init; }

    /// <summary>Numbers per head.</summary>
    public int HeadSize => HiddenSize / Heads;

    /// <summary>Patches along a side.</summary>
    public int GridSize => ImageSize / PatchSize;

    /// <summary>Patches of a tile.</summary>
    public int Patches => GridSize * GridSize;

    /// <summary>Positions of a tile: the class token and its patches.</summary>
    public int Positions => Patches + 1;

    /// <summary>Rows of a tile inside the encoder: its positions and the padding to <see cref="RowMultiple"/>, never none: no square and 1 is a multiple of 8.</summary>
    public int PaddedPositions => (Positions + RowMultiple - 1) / RowMultiple * RowMultiple;

    /// <summary>Numbers of a patch.</summary>
    public int PatchLength => Channels * PatchSize * PatchSize;

    /// <summary>Width of the features: the global encoder's output and every intermediate state (note M2).</summary>
    public int OutputSize => HiddenSize * (1 + IntermediateLayers.Count);
}
