namespace GuardSharp.Tensors.Cpu;

/// <summary>Operations that move whole rows.</summary>
internal sealed unsafe partial class CpuOps
{
    public Tensor Embed(ReadOnlySpan<int> ids, Weight table)
    {
        foreach (var id in ids)
        {
            Shapes.Index(id, table.Rows);
        }

        var y = Make(ids.Length, table.Columns);
        for (var i = 0; i < ids.Length; i++)
        {
            WriteRow(table, ids[i], Row(y, i));
        }

        return y;
    }

    public Tensor GatherRows(Tensor x, ReadOnlySpan<int> rows)
    {
        var y = Make(rows.Length, x.Columns);
        for (var i = 0; i < rows.Length; i++)
        {
            Shapes.Index(rows[i], x.Rows);
            Copy(Row(x, rows[i]), Row(y, i), x.Columns);
        }

        return y;
    }

    public Tensor ScatterRows(Tensor x, ReadOnlySpan<int> rows, Tensor source)
    {
        Shapes.SameColumns(x, source);
        if (source.Rows != rows.Length)
        {
            Shapes.Refuse($"ScatterRows: {rows.Length} rows of {Shapes.Of(x)} cannot be replaced by {Shapes.Of(source)}.");
        }

        var y = Make(x.Rows, x.Columns);
        Copy((float*)x.Data, (float*)y.Data, x.Length);
        for (var i = 0; i < rows.Length; i++)
        {
            Shapes.Index(rows[i], x.Rows);
            Copy(Row(source, i), Row(y, rows[i]), x.Columns);
        }

        return y;
    }

    public Tensor ConcatRows(Tensor a, Tensor b)
    {
        Shapes.SameColumns(a, b);
        var y = Make(a.Rows + b.Rows, a.Columns);
        Copy((float*)a.Data, (float*)y.Data, a.Length);
        Copy((float*)b.Data, (float*)y.Data + a.Length, b.Length);
        return y;
    }

    public Tensor InterleaveColumns(IReadOnlyList<Tensor> parts)
    {
        var y = Make(parts[0].Rows, parts[0].Columns * parts.Count);
        for (var k = 0; k < parts.Count; k++)
        {
            Shapes.Same(parts[0], parts[k]);
            var source = (float*)parts[k].Data;
            var target = (float*)y.Data + k;
            for (long i = 0; i < parts[k].Length; i++)
            {
                target[i * parts.Count] = source[i];
            }
        }

        return y;
    }

    private static void Copy(float* source, float* destination, long length) =>
        Buffer.MemoryCopy(source, destination, length * sizeof(float), length * sizeof(float));

    /// <summary>Writes one row of a weight as float32.</summary>
    private void WriteRow(Weight weight, int row, float* destination)
    {
        if (weight is LowRankWeight lowRank)
        {
            WriteRow(lowRank, row, destination);
            return;
        }

        if (weight is BlockWeight blocks)
        {
            BlockNumbers.Row(blocks, row, new Span<float>(destination, blocks.Columns));
            return;
        }

        if (weight is EncodedWeight encoded)
        {
            encoded.Decode(row, 0, encoded.Columns, destination);
            return;
        }

        var stored = (StoredWeight)weight;
        var size = stored.NumberSize;
        var data = (byte*)stored.Data;
        if (!stored.Transposed)
        {
            kernels.Widen(data + ((long)row * stored.Columns * size), stored.Type, destination, stored.Columns);
            return;
        }

        for (var column = 0; column < stored.Columns; column++)
        {
            kernels.Widen(data + ((((long)column * stored.Rows) + row) * size), stored.Type, destination + column, 1);
        }
    }

    /// <summary>Base row + scale * (row of B) A.</summary>
    private void WriteRow(LowRankWeight weight, int row, float* destination)
    {
        WriteRow(weight.Base, row, destination);
        var rank = weight.A.Rows;
        var up = (float*)arena.Allocate(rank * sizeof(float));
        var down = (float*)arena.Allocate((long)weight.Columns * sizeof(float));
        WriteRow(weight.B, row, up);
        for (var r = 0; r < rank; r++)
        {
            WriteRow(weight.A, r, down);
            for (var column = 0; column < weight.Columns; column++)
            {
                destination[column] += weight.Scale * up[r] * down[column];
            }
        }

        arena.Free(down);
        arena.Free(up);
    }
}
