using System.Globalization;
using System.Text.Json;

namespace GuardSharp.Checkpoints;

/// <summary>What a model folder holds, for people: the content of <c>guardsharp model info</c>.</summary>
internal sealed record ModelSummary
{
    // Files beside the weights that a guard reads where they are present.
    private static readonly string[] OtherNames =
    [
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja", "chat_template.json",
        "generation_config.json", "preprocessor_config.json", "processor_config.json",
    ];

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

    /// <summary>Files that hold a tokenizer or a chat template.</summary>
    public required IReadOnlyList<string> OtherFiles { get; init; }

    /// <summary>What does not fit: missing and unexpected tensors, wrong shapes, a recorded hash that differs. Empty: the folder is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

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
            OtherFiles = [.. OtherNames.Where(name => File.Exists(Path.Combine(folder, name)))],
            Problems = [.. Compare(checkpoint, config), .. CompareHash(manifest, digest)],
            Warnings = [.. config.UnknownKeys.Select(key => $"{ModelConfig.FileName}: the key \"{key}\" is unknown and was not read")],
        };
    }

    /// <summary>The summary as label and text, for a table.</summary>
    public IEnumerable<(string Label, string Value)> Lines()
    {
        var text = Config.Dimensions;
        yield return ("Folder", Folder);
        yield return ("Name", Manifest is { } manifest ? $"{manifest.Name} {manifest.Version}" : $"(no {GuardManifest.FileName})");
        yield return ("Architecture", text.Experts > 0 ? $"{Config.Architecture}, mixture of {text.Experts} experts" : $"{Config.Architecture}, dense");
        yield return ("Parameters", Invariant($"{Parameters:N0}"));
        yield return ("Weights", Invariant($"{string.Join(", ", Types.Select(type => type.Type.FileName()))}, {FileBytes:N0} bytes"));
        yield return ("SHA-256", Digest.IsSample ? $"{Digest.Hex} (of a sample)" : Digest.Hex);
        yield return ("Text", Invariant($"{text.Layers} layers, width {text.HiddenSize}, {text.Heads} heads of {text.HeadSize}, {text.KeyHeads} key heads, vocabulary {text.VocabularySize}"));
        yield return ("Context", Invariant($"{text.MaxPositions} tokens{(text.ChunkSize is { } chunk ? $", attention in chunks of {chunk}" : "")}"));
        yield return ("Vision", text.Vision is { } vision
            ? Invariant($"{vision.Layers} layers, width {vision.HiddenSize}, tiles of {vision.TileSize} pixels, {(vision.TokensPerTile > 0 ? Invariant($"{vision.TokensPerTile} tokens a tile") : "read by cross-attention")}")
            : "none");
        yield return ("Other files", OtherFiles.Count > 0 ? string.Join(", ", OtherFiles) : "none");
    }

    /// <summary>The summary as a JSON object, <c>schema</c> 1.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteNumber("schema", 1);
        writer.WriteString("folder", Folder);
        writer.WriteString("name", Manifest?.Name);
        writer.WriteString("version", Manifest?.Version);
        writer.WriteString("architecture", Config.Architecture);
        writer.WriteNumber("experts", Config.Dimensions.Experts);
        writer.WriteNumber("parameters", Parameters);
        writer.WriteStartArray("types");
        foreach (var (type, _) in Types)
        {
            writer.WriteStringValue(type.FileName());
        }

        writer.WriteEndArray();
        writer.WriteNumber("weightsBytes", FileBytes);
        writer.WriteString("sha256", Digest.Hex);
        writer.WriteBoolean("sha256IsSample", Digest.IsSample);
        writer.WriteNumber("layers", Config.Dimensions.Layers);
        writer.WriteNumber("hiddenSize", Config.Dimensions.HiddenSize);
        writer.WriteNumber("vocabularySize", Config.Dimensions.VocabularySize);
        writer.WriteNumber("maxPositions", Config.Dimensions.MaxPositions);
        writer.WriteBoolean("vision", Config.Dimensions.Vision is not null);
        WriteTexts(writer, "otherFiles", OtherFiles);
        WriteTexts(writer, "problems", Problems);
        WriteTexts(writer, "warnings", Warnings);
        writer.WriteEndObject();
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
            else if (tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16))
            {
                yield return $"{tensor.Description}, but weights are F32, F16 or BF16";
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

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void WriteTexts(Utf8JsonWriter writer, string key, IReadOnlyList<string> texts)
    {
        writer.WriteStartArray(key);
        foreach (var text in texts)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }
}
