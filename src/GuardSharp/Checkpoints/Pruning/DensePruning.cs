using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints.Pruning;

/// <summary>Makes a smaller model of a dense one (llama, llama4): layers, neurons of the feed-forwards and rows of the output layer go.</summary>
/// <remarks>
/// How Llama Guard 3 1B-INT4 came from the 1B (arXiv:2411.17713): 12 of 16 layers, 6,400 of 8,192 neurons, an output layer of 20 tokens; it was distilled
/// from the 8B afterwards. Weights are copied as they lie, a piece at a time: memory does not grow with the model.
/// </remarks>
internal sealed class DensePruning
{
    private const string Head = "lm_head.weight";
    private const string Embedding = "model.embed_tokens.weight";

    private readonly string _folder;
    private readonly IModelConfig _config;
    private readonly string _layerPrefix;

    /// <param name="folder">The source.</param>
    /// <exception cref="CheckpointException">It is no model that can be pruned so.</exception>
    public DensePruning(string folder)
    {
        _folder = folder;
        if (GgufFile.Find(folder) is { } gguf)
        {
            throw new CheckpointException($"{Path.GetFileName(gguf)}: a GGUF file is not pruned. Give the folder of the safetensors files it was made from.");
        }

        _config = ModelConfig.Read(folder);
        _layerPrefix = _config switch
        {
            LlamaConfig => "model.layers.",
            Llama4Config when _config.Dimensions.Experts == 0 => "language_model.model.layers.",
            Llama4Config => throw new CheckpointException($"{folder}: the model is a mixture of experts. Make it dense first: guardsharp prune --recipe dense-experts."),
            _ => throw new CheckpointException($"{folder}: layers and neurons are pruned of llama and dense llama4 models; config.json says {_config.Architecture}."),
        };
    }

    /// <summary>Layers of the source.</summary>
    public int Layers => _config.Dimensions.Layers;

    /// <summary>Neurons of each of its feed-forwards.</summary>
    public int Neurons => _config switch
    {
        LlamaConfig llama => llama.FeedForwardSize,
        Llama4Config llama4 => llama4.Text.FeedForwardSize,
        _ => 0,
    };

    /// <summary>Whether its output layer can be cut to some tokens: the networks of this architecture can run so, and it has not been cut yet.</summary>
    public bool CanCutHead => _config is LlamaConfig { OutputTokens: null };

    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Writes the pruned folder. It appears under its name with all its files or not at all.</summary>
    /// <param name="plan">What stays.</param>
    /// <param name="scores">What was measured, for the record; null: nothing.</param>
    /// <param name="manifest">guardsharp.json of the pruned model; null: it gets none.</param>
    /// <param name="output">The folder to be; there must be none, or an empty one.</param>
    /// <param name="progress">Told after each piece how many bytes are written, and how many there will be.</param>
    /// <param name="cancellationToken">Stops; nothing remains.</param>
    /// <exception cref="CheckpointException">The source's files do not fit each other, or the folder cannot be written.</exception>
    public void Run(PruningPlan plan, PruningScores? scores, GuardManifest? manifest, string output, Action<long, long> progress, CancellationToken cancellationToken)
    {
        using var checkpoint = Checkpoint.Open(_folder);
        Check(checkpoint);
        var kept = Kept(checkpoint, plan).ToList();
        ModelFiles.CheckSpace(output, kept.Sum(tensor => ShardPlan.BytesOf(tensor.Plan)));
        using var pending = new PendingFolder(output);
        ModelFiles.Copy(_folder, pending.Path, ModelConfig.FileName, GuardManifest.FileName, PruningRecord.FileName);
        WriteConfig(plan, pending.Path);
        // The recorded hash is that of other weights.
        (manifest is null ? null : manifest with { WeightsSha256 = null, OutputTokens = plan.OutputTokens ?? manifest.OutputTokens })?.Write(pending.Path);
        var source = GuardManifest.Read(_folder);
        new PruningRecord(source?.Name ?? ModelConfig.NameOf(_folder), checkpoint.Digest.OrRecorded(source), plan, scores).Write(pending.Path);
        new PrunedWeights(progress, cancellationToken).Write(pending.Path, kept, ShardBytes);
        cancellationToken.ThrowIfCancellationRequested();
        pending.Commit();
    }

    private void Check(Checkpoint checkpoint)
    {
        if (checkpoint.Tensors.FirstOrDefault(StoredBlocks.Are) is { } quantised)
        {
            throw new CheckpointException($"{quantised.Description}: the model is quantised. Prune the weights in F32, F16 or BF16 that it was made from, and quantise afterwards.");
        }

        var angles = checkpoint.Tensors.Where(tensor => CheckpointFit.IsTableOfAngles(tensor.Name)).Select(tensor => $"{tensor.Description} and unexpected").ToHashSet();
        if (CheckpointFit.Problems(checkpoint, _config).FirstOrDefault(problem => !angles.Contains(problem)) is { } problem)
        {
            throw new CheckpointException($"{_folder}: {problem}. Is {ModelConfig.FileName} from the same checkpoint, and are all files there?");
        }
    }

    private IEnumerable<PrunedTensor> Kept(Checkpoint checkpoint, PruningPlan plan)
    {
        foreach (var tensor in checkpoint.Tensors.Where(tensor => !CheckpointFit.IsTableOfAngles(tensor.Name)).OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            if (tensor.Name.StartsWith(_layerPrefix, StringComparison.Ordinal))
            {
                if (OfLayer(tensor, plan) is { } kept)
                {
                    yield return kept;
                }
            }
            else if (tensor.Name == Head && plan.OutputTokens is { } rows)
            {
                yield return new PrunedTensor(tensor, Head, Rows: rows);
            }
            else
            {
                yield return new PrunedTensor(tensor, tensor.Name);
            }
        }

        // A head that is the embedding becomes one of its own: the embedding needs all its rows.
        if (plan.OutputTokens is not null && !checkpoint.TryGet(Head, out _))
        {
            yield return new PrunedTensor(checkpoint.Get(Embedding), Head, Rows: plan.OutputTokens);
        }
    }

    private PrunedTensor? OfLayer(TensorEntry tensor, PruningPlan plan)
    {
        var end = tensor.Name.IndexOf('.', _layerPrefix.Length);
        var layer = int.Parse(tensor.Name.AsSpan(_layerPrefix.Length, end - _layerPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture);
        var place = Array.IndexOf(plan.Layers, layer);
        if (place < 0)
        {
            return null;
        }

        var part = tensor.Name[end..];
        var name = string.Create(CultureInfo.InvariantCulture, $"{_layerPrefix}{place}{part}");
        return part switch
        {
            ".mlp.gate_proj.weight" or ".mlp.up_proj.weight" or ".feed_forward.gate_proj.weight" or ".feed_forward.up_proj.weight" => new(tensor, name, Rows: plan.Neurons?[place]),
            ".mlp.down_proj.weight" or ".feed_forward.down_proj.weight" => new(tensor, name, Columns: plan.Neurons?[place]),
            _ => new(tensor, name),
        };
    }

    private void WriteConfig(PruningPlan plan, string target)
    {
        var root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(_folder, ModelConfig.FileName)))!.AsObject();
        var text = _config is Llama4Config ? root["text_config"]?.AsObject() ?? root : root;
        text["num_hidden_layers"] = plan.Layers.Length;
        if (plan.Neurons is { } neurons)
        {
            text[_config is Llama4Config ? "intermediate_size_mlp" : "intermediate_size"] = neurons[0].Length;
        }

        if (plan.OutputTokens is not null)
        {
            root["tie_word_embeddings"] = false;
        }

        if (text["layer_types"] is JsonArray types)
        {
            text["layer_types"] = new JsonArray([.. plan.Layers.Select(layer => types[layer]!.DeepClone())]);
        }

        if (_config is Llama4Config { Text.RopeLayers: var rotates })
        {
            // A list of its own: what the interval says counts layers that are gone.
            text["no_rope_layers"] = new JsonArray([.. plan.Layers.Select(layer => (JsonNode)(rotates[layer] ? 1 : 0))]);
            text["moe_layers"] = new JsonArray();
        }

        ReplacedFile.Write(Path.Combine(target, ModelConfig.FileName), stream =>
        {
            using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            root.WriteTo(writer);
        });
    }
}
