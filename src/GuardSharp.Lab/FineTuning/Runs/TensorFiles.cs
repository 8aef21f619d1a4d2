using GuardSharp.Checkpoints;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Torch tensors to and from safetensors files, a piece at a time: a tensor may be larger than 2^31 bytes, and live on another device.</summary>
internal static class TensorFiles
{
    // Numbers of a piece: 64 MB as singles.
    private const long Piece = 16L << 20;

    /// <summary>Writes tensors as one file of singles.</summary>
    public static void Write(string path, IReadOnlyList<(string Name, torch.Tensor Value)> tensors)
    {
        using var writer = SafetensorsWriter.Create(path, tensors.Select(entry => new TensorPlan(entry.Name, TensorType.F32, entry.Value.shape)));
        foreach (var (name, value) in tensors)
        {
            Append(value, TensorType.F32, bytes => writer.Append(name, bytes));
        }

        writer.Commit();
    }

    /// <summary>Copies a file's numbers into tensors of the same names and shapes.</summary>
    /// <exception cref="CheckpointException">The file lacks one, or it has another shape.</exception>
    public static void Read(string path, IReadOnlyList<(string Name, torch.Tensor Value)> tensors)
    {
        using var file = SafetensorsFile.Open(path);
        using var frozen = torch.no_grad();
        var numbers = new float[Piece];
        foreach (var (name, value) in tensors)
        {
            var entry = file.Get(name);
            if (!entry.Shape.AsSpan().SequenceEqual(value.shape))
            {
                throw new CheckpointException($"{entry.Description}, but [{string.Join(", ", value.shape)}] is needed. Is the checkpoint that of this run?");
            }

            using var scope = torch.NewDisposeScope();
            var flat = value.view(-1);
            for (var first = 0L; first < entry.Count; first += Piece)
            {
                using var one = torch.NewDisposeScope();
                var count = (int)Math.Min(Piece, entry.Count - first);
                entry.CopyTo(first, numbers.AsSpan(0, count));
                flat.narrow(0, first, count).copy_(torch.tensor(numbers.AsSpan(0, count).ToArray()));
            }
        }
    }

    /// <summary>Hands a tensor's bytes on, rounded to a type.</summary>
    /// <param name="value">Singles on any device.</param>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="write">Called once for each piece.</param>
    public static void Append(torch.Tensor value, TensorType type, SpanAction write)
    {
        using var frozen = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var flat = value.detach().reshape(-1);
        for (var first = 0L; first < flat.numel(); first += Piece)
        {
            using var one = torch.NewDisposeScope();
            var piece = flat.narrow(0, first, Math.Min(Piece, flat.numel() - first)).to(TypeOf(type)).cpu().contiguous();
            write(piece.bytes);
        }
    }

    private static torch.ScalarType TypeOf(TensorType type) => type switch
    {
        TensorType.F32 => torch.ScalarType.Float32,
        TensorType.F16 => torch.ScalarType.Float16,
        TensorType.BF16 => torch.ScalarType.BFloat16,
        _ => throw new CheckpointException($"Weights cannot be written as {type.FileName()}; F32, F16 and BF16 can."),
    };

    /// <summary>Takes some bytes.</summary>
    public delegate void SpanAction(ReadOnlySpan<byte> bytes);
}
