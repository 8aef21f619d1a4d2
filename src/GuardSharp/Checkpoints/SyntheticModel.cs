using System.Runtime.InteropServices;

namespace GuardSharp.Checkpoints;

/// <summary>A folder with the dimensions of a model and random weights: for loading, memory and speed, not for verdicts.</summary>
/// <param name="manifest">guardsharp.json.</param>
/// <param name="files">The files beside weights, manifest and tokenizer; config.json is one of them.</param>
internal sealed class SyntheticModel(GuardManifest manifest, IReadOnlyList<(string FileName, byte[] Content)> files)
{
    // Two megabytes of numbers are made and written at a time, whatever the tensor's size.
    private const int BlockNumbers = 1 << 20;

    private readonly IModelConfig _config = ModelConfig.Parse(ModelConfig.FileName, files.Single(file => file.FileName == ModelConfig.FileName).Content);

    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; set; } = 5_000_000_000;

    /// <summary>Another seed gives other weights.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Bytes of all weights.</summary>
    public long Bytes => Plans().Sum(ShardPlan.BytesOf);

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
    /// <param name="written">Told how many bytes were written since the last call.</param>
    /// <param name="cancellationToken">Stops; what was written stays for the caller to remove.</param>
    public void Write(string folder, Action<long> written, CancellationToken cancellationToken)
    {
        foreach (var (name, content) in files)
        {
            ReplacedFile.Write(Path.Combine(folder, name), stream => stream.Write(content));
        }

        manifest.Write(folder);
        var shards = ShardPlan.Of(Plans(), ShardBytes);
        var noise = new WeightNoise(Seed);
        for (var i = 0; i < shards.Shards.Count; i++)
        {
            WriteShard(Path.Combine(folder, shards.FileName(i)), shards.Shards[i], noise, written, cancellationToken);
        }

        shards.WriteIndex(folder);
    }

    private IEnumerable<TensorPlan> Plans() => _config.Tensors().Select(tensor => new TensorPlan(tensor.Name, TensorType.BF16, tensor.Shape));

    private static void WriteShard(string path, IReadOnlyList<TensorPlan> plans, WeightNoise noise, Action<long> written, CancellationToken cancellationToken)
    {
        using var writer = SafetensorsWriter.Create(path, plans, new Dictionary<string, string> { ["format"] = "pt" });
        var block = new ushort[BlockNumbers];
        foreach (var plan in plans)
        {
            var numbers = noise.Of(plan.Name);
            for (var left = ShardPlan.BytesOf(plan) / sizeof(ushort); left > 0; left -= BlockNumbers)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var part = block.AsSpan(0, (int)Math.Min(left, BlockNumbers));
                if (Constant(plan) is { } constant)
                {
                    part.Fill(WeightNoise.ToBFloat16(constant));
                }
                else
                {
                    numbers.Fill(part);
                }

                writer.Append(plan.Name, MemoryMarshal.AsBytes(part));
                written(part.Length * sizeof(ushort));
            }
        }

        writer.Commit();
    }

    // A norm that scales by nearly nothing, or a gate that is shut, would hide whatever lies behind it.
    private static float? Constant(TensorPlan plan) =>
        plan.Shape.Length == 1 && plan.Name.EndsWith(".weight", StringComparison.Ordinal) ? 1
        : plan.Shape is [1] ? 0.5f
        : null;
}
