namespace GuardSharp.Checkpoints.Pruning;

/// <summary>A tensor of the source that stays, whole or some rows or columns of it.</summary>
/// <param name="Source">Where it lies.</param>
/// <param name="Name">Its name in the pruned model.</param>
/// <param name="Rows">The rows of a matrix that stay; null: all.</param>
/// <param name="Columns">The columns of a matrix that stay; null: all. Not together with rows.</param>
internal sealed record PrunedTensor(TensorEntry Source, string Name, int[]? Rows = null, int[]? Columns = null)
{
    /// <summary>Its name, type and size in the pruned model.</summary>
    public TensorPlan Plan => new(Name, Source.Type, Rows is null && Columns is null ? Source.Shape : [Rows?.Length ?? Source.Shape[0], Columns?.Length ?? Source.Shape[1]]);
}

/// <summary>Copies tensors as they lie, a piece at a time: memory does not grow with the model.</summary>
/// <param name="progress">Told after each piece how many bytes are written, and how many there will be.</param>
/// <param name="cancellationToken">Stops; what was written is removed.</param>
internal sealed unsafe class PrunedWeights(Action<long, long> progress, CancellationToken cancellationToken)
{
    private const int PieceBytes = 16 << 20;

    private byte[] _buffer = [];
    private long _done;

    /// <summary>Writes the files of a folder.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="tensors">What stays.</param>
    /// <param name="shardBytes">Most bytes of weights in a file; a larger tensor has a file of its own.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public void Write(string folder, IReadOnlyCollection<PrunedTensor> tensors, long shardBytes)
    {
        var plan = ShardPlan.Of(tensors.Select(tensor => tensor.Plan), shardBytes);
        var total = plan.Bytes;
        using var writer = new ShardedWriter(folder, plan, new Dictionary<string, string> { ["format"] = "pt" });
        foreach (var tensor in tensors)
        {
            if (tensor.Rows is null && tensor.Columns is null)
            {
                CopyWhole(writer, tensor, total);
            }
            else
            {
                CopyParts(writer, tensor, total);
            }
        }

        writer.Commit();
    }

    private void CopyWhole(ShardedWriter writer, PrunedTensor tensor, long total)
    {
        for (long offset = 0; offset < tensor.Source.Bytes; offset += PieceBytes)
        {
            Append(writer, tensor, new((byte*)tensor.Source.Data + offset, (int)Math.Min(PieceBytes, tensor.Source.Bytes - offset)), total);
        }
    }

    private void CopyParts(ShardedWriter writer, PrunedTensor tensor, long total)
    {
        var size = tensor.Source.Type.Size();
        var sourceRow = tensor.Source.Shape[1] * size;
        var (rows, rowBytes) = ((int)tensor.Plan.Shape[0], (int)(tensor.Plan.Shape[1] * size));
        var most = Math.Max(1, PieceBytes / rowBytes);
        _buffer = _buffer.Length >= (long)most * rowBytes ? _buffer : new byte[most * rowBytes];
        for (var first = 0; first < rows; first += most)
        {
            var count = Math.Min(most, rows - first);
            for (var i = 0; i < count; i++)
            {
                var row = (byte*)tensor.Source.Data + ((tensor.Rows?[first + i] ?? first + i) * sourceRow);
                var target = _buffer.AsSpan(i * rowBytes, rowBytes);
                if (tensor.Columns is { } columns)
                {
                    Gather(row, columns, size, target);
                }
                else
                {
                    new ReadOnlySpan<byte>(row, rowBytes).CopyTo(target);
                }
            }

            Append(writer, tensor, _buffer.AsSpan(0, count * rowBytes), total);
        }
    }

    private static void Gather(byte* row, int[] columns, int size, Span<byte> target)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            new ReadOnlySpan<byte>(row + ((long)columns[i] * size), size).CopyTo(target[(i * size)..]);
        }
    }

    private void Append(ShardedWriter writer, PrunedTensor tensor, ReadOnlySpan<byte> bytes, long total)
    {
        cancellationToken.ThrowIfCancellationRequested();
        writer.Append(tensor.Name, bytes);
        progress(_done += bytes.Length, total);
    }
}
