using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints;

/// <summary>A folder with the dimensions of a model and random weights: for loading, memory and speed, not for verdicts.</summary>
/// <param name="manifest">guardsharp.json.</param>
/// <param name="files">The files beside weights, manifest and tokenizer; config.json is one of them.</param>
internal sealed class SyntheticModel(GuardManifest manifest, IReadOnlyList<(string FileName, byte[] Content)> files)
{
    private readonly IModelConfig _config = ModelConfig.Parse(ModelConfig.FileName, files.Single(file => file.FileName == ModelConfig.FileName).Content);

    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; set; } = 5_000_000_000;

    /// <summary>Another seed gives other weights.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>How the weights are stored; null: all in bfloat16.</summary>
    public QuantisationScheme? Scheme { get; set; }

    /// <summary>Bytes of all weights as they are stored.</summary>
    public long Bytes => Plan().Sum(weight => weight.Bytes);

    /// <summary>Bytes of all weights in bfloat16: what <see cref="Write"/> counts.</summary>
    public long SourceBytes => _config.Tensors().Sum(tensor => TensorTypes.Bytes(TensorType.BF16, tensor.Shape));

    /// <summary>A published size, whole or cut to some of its layers.</summary>
    /// <param name="model">The size.</param>
    /// <param name="textLayers">Layers of the language model; null: all.</param>
    /// <param name="visionLayers">Layers of the vision encoder; null: all.</param>
    /// <exception cref="CheckpointException">It has no such number of layers.</exception>
    public static SyntheticModel Of(PublishedModel model, int? textLayers = null, int? visionLayers = null) => new(
        new GuardManifest
        {
            Name = $"synthetic-{model.Name}",
            Version = "1",
            Codes = [.. Enumerable.Range(1, model.Codes).Select(number => $"S{number}")],
            CustomCategories = true,
            NarrowedPolicies = true,
            MaxImages = model.MaxImages,
            Synthetic = true,
            Licence = "CC0-1.0",
        },
        [.. model.Files(textLayers, visionLayers)]);

    /// <summary>Writes configuration, manifest and weights into an empty folder; the caller adds a tokenizer.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="written">Told how many bytes of <see cref="SourceBytes"/> were done since the last call.</param>
    /// <param name="cancellationToken">Stops; what was written stays for the caller to remove.</param>
    public void Write(string folder, Action<long> written, CancellationToken cancellationToken)
    {
        foreach (var (name, content) in files)
        {
            ReplacedFile.Write(Path.Combine(folder, name), stream => stream.Write(content));
        }

        manifest.Write(folder);
        var rows = new NoiseRows(Seed);
        var errors = new WeightsWriting(0, written, cancellationToken).Write(
            folder, Plan(), weight => rows.Of(weight, Constant(weight)), ShardBytes, Scheme?.Metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
        if (Scheme is not null)
        {
            QuantisationRecord.Of(Scheme, $"{manifest.Name}, seed {Seed}", null, errors).Write(folder, errors);
        }
    }

    private IReadOnlyList<PlannedWeight> Plan() => Scheme?.Plan(_config, _ => TensorType.BF16)
        ?? [.. _config.Tensors().Select(tensor => new PlannedWeight(tensor.Name, tensor.Shape, TensorType.BF16, NumberFormat.Kept, StoredBlocks.BlockSize))];

    // A norm that scales by nearly nothing, or a gate that is shut, would hide whatever lies behind it.
    private static float? Constant(PlannedWeight plan) =>
        plan.Shape.Length == 1 && plan.Name.EndsWith(".weight", StringComparison.Ordinal) ? 1
        : plan.Shape is [1] ? 0.5f
        : null;
}
