using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints;

/// <summary>What a model folder holds, and whether its files fit each other: what <c>guardsharp model info</c> prints.</summary>
internal sealed record ModelSummary
{
    /// <summary>The folder.</summary>
    public required string Folder { get; init; }

    /// <summary>The network, as config.json describes it.</summary>
    public required IModelConfig Config { get; init; }

    /// <summary>guardsharp.json; null: there is none.</summary>
    public required GuardManifest? Manifest { get; init; }

    /// <summary>The weights' identity.</summary>
    public required WeightsDigest Digest { get; init; }

    /// <summary>The types of the weights (<c>BF16</c>, or <c>int4</c> for numbers in blocks with scales) with the numbers stored in each, largest first.</summary>
    public required IReadOnlyList<(string Type, long Count)> Types { get; init; }

    /// <summary>quantization.json; null: there is none.</summary>
    public required QuantisationRecord? Quantisation { get; init; }

    /// <summary>Bytes of the weights' files.</summary>
    public required long FileBytes { get; init; }

    /// <summary>What does not fit: missing and unexpected tensors, wrong shapes, a recorded hash that differs. Empty: the folder is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Memory of the weights: of a quantised folder or GGUF file exactly, else as published and as <c>quantize</c> would store them.</summary>
    public required IReadOnlyList<(string Precision, long Bytes)> Memory { get; init; }

    /// <summary>What is odd but changes nothing: keys of config.json that this version does not know.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Numbers of all weights.</summary>
    public long Parameters => Types.Sum(type => type.Count);

    /// <summary>Reads a model folder. The weights' numbers are touched only for the hash.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="fullHash">Hash all bytes, however many: about 2 s per GB.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged.</exception>
    public static ModelSummary Read(string folder, bool fullHash = false)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var config = ModelConfig.Read(folder);
        var manifest = GuardManifest.Read(folder);
        var record = QuantisationRecord.Read(folder);
        var digest = fullHash ? WeightsDigest.ComputeFull(checkpoint.Files) : checkpoint.Digest;
        return new ModelSummary
        {
            Folder = folder,
            Config = config,
            Manifest = manifest,
            Digest = digest,
            Types = [.. Counts(checkpoint, config).GroupBy(tensor => tensor.Type).Select(group => (group.Key, group.Sum(tensor => tensor.Count))).OrderByDescending(type => type.Item2)],
            Quantisation = record,
            FileBytes = checkpoint.Files.Sum(file => file.Bytes),
            Memory = checkpoint.Tensors.Any(tensor => StoredBlocks.Are(tensor) || tensor.Type.BlockSize() > 1) ? [(record?.Scheme ?? "quantised", checkpoint.Tensors.Sum(tensor => tensor.Bytes))] : MemoryEstimate.Of(config),
            Problems = [.. CheckpointFit.Problems(checkpoint, config), .. CompareHash(manifest, digest)],
            Warnings = [.. config.UnknownKeys.Select(key => $"{ModelConfig.FileName}: the key \"{key}\" is unknown and was not read")],
        };
    }

    /// <summary>The numbers of every tensor, those of quantised matrices without their scales and what fills up the last block.</summary>
    private static IEnumerable<(string Type, long Count)> Counts(Checkpoint checkpoint, IModelConfig config)
    {
        var stored = config.NamesIn(checkpoint);
        var shapes = config.Tensors().ToDictionary(tensor => stored(tensor.Name), tensor => tensor.Shape);
        var scales = checkpoint.Tensors.Where(StoredBlocks.Are).Select(tensor => StoredBlocks.ScaleName(tensor.Name)).ToHashSet();
        foreach (var tensor in checkpoint.Tensors.Where(tensor => !scales.Contains(tensor.Name)))
        {
            yield return StoredBlocks.Are(tensor) && shapes.TryGetValue(tensor.Name, out var shape)
                ? (tensor.Type == TensorType.I8 ? "int8" : "int4", shape.Aggregate(1L, (product, size) => product * size))
                : (tensor.Type.FileName(), tensor.Count);
        }
    }

    private static IEnumerable<string> CompareHash(GuardManifest? manifest, WeightsDigest digest) =>
        manifest?.WeightsSha256 is { } recorded && !digest.IsSample && recorded != digest.Hex
            ? [$"{GuardManifest.FileName} records the weights {recorded[..12]}, but these are {digest.Short}"]
            : [];
}
