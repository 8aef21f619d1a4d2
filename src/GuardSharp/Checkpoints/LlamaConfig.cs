namespace GuardSharp.Checkpoints;

/// <summary>config.json of the llama architecture (Llama Guard 3 8B and 1B), resolved: no key is left to be interpreted.</summary>
/// <remarks>Keys and their meaning: tests/golden/README.md, section "Llama", after transformers' LlamaConfig.</remarks>
internal sealed record LlamaConfig : IModelConfig
{
    /// <summary>Rows of the embedding and columns of the full logits.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Transformer layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>Numbers per head; even. Need not be <see cref="HiddenSize"/> / <see cref="Heads"/>.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Width of the feed-forward.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Epsilon of RMSNorm.</summary>
    public required float RmsNormEpsilon { get; init; }

    /// <summary>Base of the rotary embedding.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Scaling of the rotary embedding; null: none.</summary>
    public required RopeScaling? RopeScaling { get; init; }

    /// <summary>Divisors of the unscaled rotary frequencies, one for each pair: what a GGUF file has in place of <see cref="RopeScaling"/>; null: none.</summary>
    public float[]? RopeDivisors { get; init; }

    /// <summary>Whether a rotation turns neighbouring columns, for which GGUF files order the rows of q and k; false: a column and the one half a head further.</summary>
    public bool RotatesNeighbours { get; init; }

    /// <summary>Positions the model was configured for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Whether the head is the embedding; the file then has no lm_head.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>bos_token_id, if given.</summary>
    public required int? BeginId { get; init; }

    /// <summary>eos_token_id: the ids that end an answer; may be empty. generation_config.json has precedence (<see cref="GenerationConfig"/>).</summary>
    public required IReadOnlyList<int> EndIds { get; init; }

    /// <summary>
    /// The tokens that a pruned head still has, in the order of its rows (<see cref="GuardManifest.OutputTokens"/>); null: all of them.
    /// </summary>
    public int[]? OutputTokens { get; init; }

    /// <summary>Keys of the file that this version does not know. They did not change anything.</summary>
    public required IReadOnlyList<string> UnknownKeys { get; init; }

    /// <summary>Numbers of all query heads.</summary>
    public int QuerySize => Heads * HeadSize;

    /// <summary>Numbers of all key heads.</summary>
    public int KeySize => KeyHeads * HeadSize;

    /// <summary>Rows of the head.</summary>
    public int HeadRows => OutputTokens?.Length ?? VocabularySize;

    /// <inheritdoc/>
    public string Architecture => "llama";

    /// <inheritdoc/>
    public ModelDimensions Dimensions => new(Layers, HiddenSize, Heads, KeyHeads, HeadSize, VocabularySize, MaxPositions)
    {
        OutputTokens = OutputTokens?.ToHashSet(),
    };

    /// <inheritdoc/>
    public IEnumerable<(string Name, long[] Shape)> Tensors() => LlamaLayout.Tensors(this);

    /// <summary>Reads config.json of a model folder, and from its guardsharp.json which tokens a pruned head has.</summary>
    /// <exception cref="CheckpointException">Names the file, the key, what was seen and what is allowed.</exception>
    public static LlamaConfig Read(string folder) =>
        JsonSection.ReadFile(Path.Combine(folder, ModelConfig.FileName), LlamaConfigReader.Read).WithOutputTokens(GuardManifest.Read(folder)?.OutputTokens);

    /// <summary>The network with a head of these tokens alone.</summary>
    /// <exception cref="CheckpointException">The tokens are no ids of the vocabulary, or there is no head of its own to prune.</exception>
    public LlamaConfig WithOutputTokens(IReadOnlyList<int>? tokens)
    {
        if (tokens is null)
        {
            return this;
        }

        if (TieWordEmbeddings)
        {
            throw new CheckpointException(
                $"{GuardManifest.FileName}: \"outputTokens\" names the rows of a pruned lm_head, but {ModelConfig.FileName} says tie_word_embeddings true. Set that to false and store lm_head.weight, or remove outputTokens.");
        }

        foreach (var token in tokens)
        {
            if (token >= VocabularySize)
            {
                throw new CheckpointException(
                    $"{GuardManifest.FileName}: \"outputTokens\" holds {token}, but {ModelConfig.FileName} says vocab_size {VocabularySize}. Are they from the same checkpoint?");
            }
        }

        return this with { OutputTokens = [.. tokens] };
    }
}
