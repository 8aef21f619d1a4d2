using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>Weights of an open checkpoint, by name, with their shapes checked. The checkpoint must outlive them.</summary>
/// <param name="checkpoint">The open checkpoint.</param>
/// <param name="storedName">How the checkpoint names a tensor of a published name; null: as published.</param>
internal sealed class CheckpointWeights(Checkpoint checkpoint, Func<string, string>? storedName = null) : IWeightSource
{
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly ActivationRounding _activations = checkpoint.ActivationsPerToken ? ActivationRounding.Token : ActivationRounding.Block;

    /// <remarks>A convolution [outputs, channels, height, width] whose steps are its size is a matrix over unfolded patches (model note M8).</remarks>
    public Weight Matrix(string name, int outputs, int inputs)
    {
        if (checkpoint.TryGet(NameOf(name), out var numbers) && StoredBlocks.Find(checkpoint, numbers, outputs, inputs) is { } blocks)
        {
            _used.Add(numbers.Name);
            _used.Add(StoredBlocks.ScaleName(numbers.Name));
            return Weight(name, outputs, inputs, blocks, numbers.Type is TensorType.Q80 or TensorType.Q40);
        }

        var entry = checkpoint.TryGet(NameOf(name), out var stored) && stored.Shape is [_, var channels, var height, var width] && channels * height * width == inputs
            ? Find(name, outputs, channels, height, width)
            : Find(name, outputs, inputs);
        return entry.Type.BlockSize() == EncodedWeight.Piece ? Encoded(name, outputs, inputs, entry) : new StoredWeight(name, outputs, inputs, TypeOf(entry), entry.Data);
    }

    public Weight Vector(string name, int length)
    {
        var entry = Find(name, length);
        return new StoredWeight(name, 1, length, TypeOf(entry), entry.Data);
    }

    public Weight[] Experts(string name, int experts, int inputs, int outputs)
    {
        var entry = Find(name, experts, inputs, outputs);
        var type = TypeOf(entry);
        var bytes = (long)inputs * outputs * (type == WeightType.F32 ? 4 : 2);
        var weights = new Weight[experts];
        for (var i = 0; i < experts; i++)
        {
            weights[i] = new StoredWeight($"{name}[{i}]", outputs, inputs, type, (nint)(entry.Data + (i * bytes)), transposed: true);
        }

        return weights;
    }

    /// <summary>Fails when the checkpoint holds tensors that the network did not ask for: it is then another network than its config.json says.</summary>
    public void RequireAllUsed()
    {
        var unexpected = checkpoint.Names
            .Where(name => !_used.Contains(name) && !CheckpointFit.IsTableOfAngles(name))
            .Order(StringComparer.Ordinal)
            .ToList();
        if (unexpected.Count > 0)
        {
            throw new CheckpointException(
                $"{checkpoint.Folder}: {unexpected.Count} tensors are not part of the network that config.json describes, the first is \"{unexpected[0]}\". Is config.json from the same checkpoint?");
        }
    }

    /// <remarks>A scale that is not a number makes logits that are none, and the verdict an error: reading all scales here would read every page of them.</remarks>
    private BlockWeight Weight(string name, int outputs, int inputs, StoredBlocks blocks, bool isGguf)
    {
        var layout = new BlockLayout(
            blocks.Numbers, blocks.BlockPitch, blocks.RowPitch, blocks.Scales, blocks.ScalePitch, blocks.ScaleRowPitch, blocks.BlocksPerScale);
        return new BlockWeight(name, outputs, inputs, blocks.Format == NumberFormat.Int8 ? BlockType.Int8 : BlockType.Int4, layout, isGguf ? ActivationRounding.HalfBlock : _activations);
    }

    private static unsafe EncodedWeight Encoded(string name, int outputs, int inputs, TensorEntry entry)
    {
        var (type, start) = (entry.Type, entry.Data);
        return new EncodedWeight(name, outputs, inputs, (row, column, count, target) =>
        {
            var first = (((long)row * inputs) + column) / EncodedWeight.Piece * type.BlockBytes();
            var blocks = new ReadOnlySpan<byte>((byte*)start + first, count / EncodedWeight.Piece * type.BlockBytes());
            Dequantisation.Run(type, blocks, new Span<float>(target, count));
        });
    }

    private string NameOf(string published) => storedName?.Invoke(published) ?? published;

    private TensorEntry Find(string published, params ReadOnlySpan<long> shape)
    {
        var name = NameOf(published);
        if (!checkpoint.TryGet(name, out var entry))
        {
            throw new CheckpointException(
                $"{checkpoint.Folder}: tensor \"{name}\" {Describe(shape)} is missing. Is config.json from the same checkpoint, and are all shards there?");
        }

        if (!shape.SequenceEqual(entry.Shape))
        {
            throw new CheckpointException(
                $"{entry.File}: tensor \"{name}\" is {Describe(entry.Shape)} {entry.Type}, but config.json asks for {Describe(shape)}. Is config.json from the same checkpoint?");
        }

        _used.Add(name);
        return entry;
    }

    private static string Describe(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    /// <summary>The type of a tensor of numbers that stand alone.</summary>
    internal static WeightType TypeOf(TensorEntry entry) => entry.Type switch
    {
        TensorType.F32 => WeightType.F32,
        TensorType.F16 => WeightType.F16,
        TensorType.BF16 => WeightType.BF16,
        _ => throw new CheckpointException($"{entry.File}: tensor \"{entry.Name}\" is {entry.Type}; weights may be F32, F16 or BF16."),
    };
}
