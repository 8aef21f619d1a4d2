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

    /// <summary>The types of the weights with the numbers stored in each, largest first.</summary>
    public required IReadOnlyList<(TensorType Type, long Count)> Types { get; init; }

    /// <summary>Bytes of the weights' files.</summary>
    public required long FileBytes { get; init; }

    /// <summary>What does not fit: missing and unexpected tensors, wrong shapes, a recorded hash that differs. Empty: the folder is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Memory of the weights in each precision.</summary>
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
        var digest = fullHash ? WeightsDigest.ComputeFull(checkpoint.Files) : checkpoint.Digest;
        return new ModelSummary
        {
            Folder = folder,
            Config = config,
            Manifest = manifest,
            Digest = digest,
            Types = [.. checkpoint.Tensors.GroupBy(tensor => tensor.Type).Select(group => (group.Key, group.Sum(tensor => tensor.Count))).OrderByDescending(type => type.Item2)],
            FileBytes = checkpoint.Files.Sum(file => file.Bytes),
            Memory = MemoryEstimate.Of(config),
            Problems = [.. Compare(checkpoint, config), .. CompareHash(manifest, digest)],
            Warnings = [.. config.UnknownKeys.Select(key => $"{ModelConfig.FileName}: the key \"{key}\" is unknown and was not read")],
        };
    }

    private static IEnumerable<string> Compare(Checkpoint checkpoint, IModelConfig config)
    {
        var expected = new HashSet<string>();
        var stored = config.NamesIn(checkpoint);
        foreach (var (published, shape) in config.Tensors())
        {
            var name = stored(published);
            expected.Add(name);
            if (!checkpoint.TryGet(name, out var tensor))
            {
                yield return $"tensor \"{name}\" {Printable.Shape(shape)} is missing";
            }
            else if (!tensor.Shape.AsSpan().SequenceEqual(shape))
            {
                yield return $"{tensor.Description}, but {ModelConfig.FileName} asks for {Printable.Shape(shape)}";
            }
            else if (tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16 or TensorType.Q80 or TensorType.Q40 or TensorType.Q4K or TensorType.Q5K or TensorType.Q6K))
            {
                yield return $"{tensor.Description}, but weights are F32, F16 or BF16, or blocks of a GGUF file";
            }
        }

        foreach (var tensor in checkpoint.Tensors.Where(tensor => !expected.Contains(tensor.Name)))
        {
            yield return $"{tensor.Description} and unexpected";
        }
    }

    private static IEnumerable<string> CompareHash(GuardManifest? manifest, WeightsDigest digest) =>
        manifest?.WeightsSha256 is { } recorded && !digest.IsSample && recorded != digest.Hex
            ? [$"{GuardManifest.FileName} records the weights {recorded[..12]}, but these are {digest.Short}"]
            : [];
}
