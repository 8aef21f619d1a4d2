using GuardSharp.Checkpoints;
using GuardSharp.Lab.FineTuning.Network;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Writes what was learned as a model folder in the form of its base: the same tensors under the same names in the same types, and the base's other files.</summary>
/// <param name="model">The base.</param>
/// <param name="network">What was learned.</param>
internal sealed class ModelWriter(BaseModel model, SftNetwork network)
{
    private const int PieceBytes = 16 << 20;

    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Refuses a base that cannot be written back.</summary>
    /// <exception cref="CheckpointException">It is quantised or a GGUF file.</exception>
    public static void Check(BaseModel model)
    {
        if (model.Checkpoint.Tensors.FirstOrDefault(tensor => tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16)) is { } other)
        {
            throw new CheckpointException($"{other.Description}: only weights in F32, F16 or BF16 are fine-tuned as a whole. Start from the checkpoint that this one was made of.");
        }
    }

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">An empty folder.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public void Write(string folder)
    {
        ModelFiles.CheckSpace(folder, model.Checkpoint.Tensors.Sum(tensor => tensor.Bytes));
        ModelFiles.Copy(model.Folder, folder, GuardManifest.FileName);
        WriteWeights(folder);
        if (model.Manifest is { } manifest)
        {
            using var written = Checkpoint.Open(folder);
            (manifest with { WeightsSha256 = written.Digest.IsSample ? null : written.Sha256 }).Write(folder);
        }
    }

    private void WriteWeights(string folder)
    {
        var stored = model.Config.NamesIn(model.Checkpoint);
        var learned = network.Trainable.ToDictionary(entry => stored(entry.Name), entry => (torch.Tensor)entry.Parameter, StringComparer.Ordinal);
        TensorEntry[] tensors = [.. model.Checkpoint.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)];
        var plan = ShardPlan.Of(tensors.Select(tensor => new TensorPlan(tensor.Name, tensor.Type, tensor.Shape)), ShardBytes);
        using var writer = new ShardedWriter(folder, plan, new Dictionary<string, string> { ["format"] = "pt" });
        foreach (var tensor in tensors)
        {
            if (learned.TryGetValue(tensor.Name, out var value))
            {
                TensorFiles.Append(value, tensor.Type, bytes => writer.Append(tensor.Name, bytes));
            }
            else
            {
                Copy(tensor, writer);
            }
        }

        writer.Commit();
    }

    /// <summary>What was not learned stays as it lies, byte for byte.</summary>
    private static unsafe void Copy(TensorEntry tensor, ShardedWriter writer)
    {
        for (long offset = 0; offset < tensor.Bytes; offset += PieceBytes)
        {
            writer.Append(tensor.Name, new ReadOnlySpan<byte>((byte*)tensor.Data + offset, (int)Math.Min(PieceBytes, tensor.Bytes - offset)));
        }
    }
}
