using GuardSharp.Tensors;
using TorchSharp;

namespace GuardSharp.Torch;

/// <summary>A weight in a torch tensor; a trainable one gets its gradient in <c>Value.grad</c>.</summary>
/// <param name="name">The name in the checkpoint.</param>
/// <param name="rows">Outputs.</param>
/// <param name="columns">Inputs.</param>
/// <param name="value">In the shape of the checkpoint: [columns] for a vector, [rows, columns], [columns, rows] if transposed, or [experts, columns, rows].</param>
/// <param name="transposed">Whether inputs come before outputs (Llama 4 experts, model note L6).</param>
/// <param name="expert">Which of the experts of <paramref name="value"/> this weight is, or -1: it is no expert.</param>
internal sealed class TorchWeight(string name, int rows, int columns, torch.Tensor value, bool transposed = false, int expert = -1)
    : Weight(name, rows, columns)
{
    /// <summary>The numbers, float32, in the shape of the checkpoint. Shared by all experts of one tensor.</summary>
    public torch.Tensor Value { get; } = value;

    /// <summary>Whether inputs come before outputs in <see cref="Value"/>.</summary>
    public bool Transposed { get; } = transposed;

    /// <summary>The numbers of a weight that a checkpoint stores, as float32.</summary>
    public static TorchWeight From(StoredWeight stored, torch.Device device)
    {
        var (rows, columns) = stored.Transposed ? (stored.Columns, stored.Rows) : (stored.Rows, stored.Columns);
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var type = stored.Type switch
        {
            WeightType.F32 => torch.ScalarType.Float32,
            WeightType.F16 => torch.ScalarType.Float16,
            WeightType.BF16 => torch.ScalarType.BFloat16,
            _ => throw new ArgumentException($"\"{stored.Name}\" is stored as {stored.Type}; F32, F16 and BF16 can be read.", nameof(stored)),
        };
        var host = torch.empty(rows, columns, type);
        Copy(stored.Data, host);
        var value = host.to(torch.ScalarType.Float32).to(device);
        return new TorchWeight(stored.Name, stored.Rows, stored.Columns, scope.Detach(value), stored.Transposed);
    }

    /// <summary>The numbers of a quantised weight, as float32: torch has no kernels for its blocks, and gradients want singles.</summary>
    public static TorchWeight From(BlockWeight blocks, torch.Device device)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var host = torch.empty(blocks.Rows, blocks.Columns, torch.ScalarType.Float32);
        for (var row = 0; row < blocks.Rows; row++)
        {
            using var part = host.select(0, row);
            BlockNumbers.Row(blocks, row, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(part.bytes));
        }

        return new TorchWeight(blocks.Name, blocks.Rows, blocks.Columns, scope.Detach(host.to(device)));
    }

    /// <summary>The numbers of an encoded weight, as float32. Products do not round their activations here.</summary>
    public static unsafe TorchWeight From(EncodedWeight encoded, torch.Device device)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var host = torch.empty(encoded.Rows, encoded.Columns, torch.ScalarType.Float32);
        for (var row = 0; row < encoded.Rows; row++)
        {
            using var part = host.select(0, row);
            fixed (byte* target = part.bytes)
            {
                encoded.Decode(row, 0, encoded.Columns, (float*)target);
            }
        }

        return new TorchWeight(encoded.Name, encoded.Rows, encoded.Columns, scope.Detach(host.to(device)));
    }

    /// <summary>The matrix [outputs, inputs]: <see cref="Value"/> or a view of it, through which gradients flow.</summary>
    public torch.Tensor AsMatrix()
    {
        // The views are made at each use: one made before an optimiser step would belong to the graph of the step before.
        var matrix = expert >= 0 ? Value.select(0, expert) : Value;
        return Transposed ? matrix.t() : matrix.dim() == 1 ? matrix.view(1, -1) : matrix;
    }

    /// <summary>The numbers of a weight of one row: [inputs].</summary>
    public torch.Tensor AsVector() => Value.dim() == 1 ? Value : AsMatrix().reshape(-1);

    private static unsafe void Copy(nint source, torch.Tensor target)
    {
        // By blocks of rows: a span holds at most 2^31 bytes, an embedding table in float32 more.
        const long BlockBytes = 1L << 28;
        var rowBytes = target.size(1) * target.element_size();
        var block = Math.Max(1, BlockBytes / Math.Max(1, rowBytes));
        for (long row = 0; row < target.size(0) && rowBytes > 0; row += block)
        {
            using var part = target.narrow(0, row, Math.Min(block, target.size(0) - row));
            var bytes = part.bytes;
            new ReadOnlySpan<byte>((byte*)source + (row * rowBytes), bytes.Length).CopyTo(bytes);
        }
    }
}
