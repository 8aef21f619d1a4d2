using System.Text.Json;
using System.Text.Json.Nodes;

namespace GuardSharp.Checkpoints.Pruning;

/// <summary>Makes a dense model of a llama4 mixture of experts: the routed experts and the router go, the shared expert becomes the feed-forward.</summary>
/// <remarks>
/// How Llama Guard 4 came from Llama 4 Scout (its model card; note L6 of tests/golden/README.md). The pruned model answers badly until it is
/// trained again. Weights are copied as they lie, a piece at a time: memory does not grow with the model.
/// </remarks>
/// <param name="folder">The source.</param>
internal sealed class ExpertPruning(string folder)
{
    private const string FeedForward = ".feed_forward.";
    private const string Shared = FeedForward + "shared_expert.";

    // What only a mixture has.
    private static readonly string[] _dropped = [FeedForward + "experts.", FeedForward + "router."];

    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Writes the dense folder. It appears under its name with all its files or not at all.</summary>
    /// <param name="output">The folder to be; there must be none, or an empty one.</param>
    /// <param name="progress">Told after each piece how many bytes are written, and how many there will be.</param>
    /// <param name="cancellationToken">Stops; nothing remains.</param>
    /// <returns>What became of the tensors.</returns>
    /// <exception cref="CheckpointException">The source is no mixture of experts that can be made dense, or the folder cannot be written.</exception>
    public ExpertPruningRecord Run(string output, Action<long, long> progress, CancellationToken cancellationToken)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var manifest = GuardManifest.Read(folder);
        Check(checkpoint);
        var (kept, record) = Plan(checkpoint);
        ModelFiles.CheckSpace(output, kept.Sum(tensor => tensor.Source.Bytes));

        using var pending = new PendingFolder(output);
        ModelFiles.Copy(folder, pending.Path, Llama4Config.FileName, GuardManifest.FileName);
        WriteConfig(pending.Path);
        // The recorded hash is that of other weights.
        (manifest is null ? null : manifest with { WeightsSha256 = null })?.Write(pending.Path);
        new PrunedWeights(progress, cancellationToken).Write(pending.Path, kept, ShardBytes);
        cancellationToken.ThrowIfCancellationRequested();
        pending.Commit();
        return record;
    }

    private void Check(Checkpoint checkpoint)
    {
        if (ModelConfig.Read(folder) is not Llama4Config { Text: var text } config)
        {
            throw new CheckpointException($"{folder}: only mixtures of experts of the llama4 architecture have experts to prune; config.json says another model_type.");
        }

        if (config.Dimensions.Experts == 0)
        {
            throw new CheckpointException($"{folder}: no layer has experts, so there is nothing to prune: the model is dense already.");
        }

        // config.json has one width for all dense layers.
        if (text.MoeLayers.Contains(false) && text.FeedForwardSize != text.ExpertSize)
        {
            throw new CheckpointException(
                $"{folder}: {text.MoeLayers.Count(isMixture => !isMixture)} layers are dense already, {text.FeedForwardSize} wide, while shared experts are {text.ExpertSize} wide: a dense model has one width for all layers. Prune a model whose layers all are mixtures, such as Llama 4 Scout.");
        }

        if (CheckpointFit.Problems(checkpoint, config).FirstOrDefault() is { } problem)
        {
            throw new CheckpointException($"{folder}: {problem}. Is {Llama4Config.FileName} from the same checkpoint, and are all files there?");
        }
    }

    private static (List<PrunedTensor> Kept, ExpertPruningRecord Record) Plan(Checkpoint checkpoint)
    {
        var kept = new List<PrunedTensor>();
        var renamed = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var dropped = new List<string>();
        foreach (var tensor in checkpoint.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            if (Array.Exists(_dropped, part => tensor.Name.Contains(part, StringComparison.Ordinal)))
            {
                dropped.Add(tensor.Name);
                continue;
            }

            var name = tensor.Name.Replace(Shared, FeedForward, StringComparison.Ordinal);
            if (name != tensor.Name)
            {
                renamed.Add(tensor.Name, name);
            }

            kept.Add(new PrunedTensor(tensor, name));
        }

        return (kept, new ExpertPruningRecord(renamed, dropped, kept.Count - renamed.Count));
    }

    /// <summary>Everything stays but what says that there are experts.</summary>
    private void WriteConfig(string target)
    {
        var root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, Llama4Config.FileName)))!.AsObject();
        var text = root["text_config"]?.AsObject() ?? root;
        text["intermediate_size_mlp"] = text["intermediate_size"]!.DeepClone();
        text["num_local_experts"] = 0;
        text["interleave_moe_layer_step"] = 0;
        text["moe_layers"] = new JsonArray();
        ReplacedFile.Write(Path.Combine(target, Llama4Config.FileName), stream =>
        {
            using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            root.WriteTo(writer);
        });
    }
}

/// <summary>What became of the tensors of a mixture of experts.</summary>
/// <param name="Renamed">Those of shared experts: the old name and the new one.</param>
/// <param name="Dropped">Those of routed experts and routers.</param>
/// <param name="Unchanged">How many others there are.</param>
internal sealed record ExpertPruningRecord(IReadOnlyDictionary<string, string> Renamed, IReadOnlyList<string> Dropped, int Unchanged);
