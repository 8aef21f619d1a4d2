using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;

namespace GuardSharp.Checkpoints.Quantization;

/// <summary>Writes the weights of a model folder, kept or quantised, some rows at a time: memory does not grow with the model.</summary>
/// <param name="threads">Threads that round; 0: all cores.</param>
/// <param name="done">Told how many bytes of the source were written since the last call.</param>
/// <param name="cancellationToken">Stops; what was written is removed.</param>
internal sealed unsafe class WeightsWriting(int threads, Action<long> done, CancellationToken cancellationToken)
{
    // Numbers that are rounded before they are written: 8 Mi, at most 16 MB of source and 8 MB of result.
    private const long PieceNumbers = 8L << 20;

    // Numbers of synthetic sources come four at a time.
    private const int RowMultiple = 4;

    private byte[] _numbers = [];
    private ushort[] _scales = [];
    private RoundingError[] _errors = [];

    /// <summary>Writes all weights of a folder.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="rows">The numbers of each.</param>
    /// <param name="shardBytes">Most bytes of a file.</param>
    /// <param name="metadata">Texts for every file.</param>
    /// <returns>The error of each quantised weight.</returns>
    /// <exception cref="CheckpointException">A number is not finite, or a file cannot be written.</exception>
    public IReadOnlyList<(PlannedWeight Weight, RoundingError Error)> Write(
        string folder, IReadOnlyList<PlannedWeight> weights, Func<PlannedWeight, IRowSource> rows, long shardBytes, IReadOnlyDictionary<string, string> metadata)
    {
        var plan = ShardPlan.Of(weights.SelectMany(weight => weight.Tensors), shardBytes);
        using var writer = new ShardedWriter(folder, plan, metadata);
        var errors = new List<(PlannedWeight, RoundingError)>();
        foreach (var weight in weights)
        {
            if (weight.Format == NumberFormat.Kept)
            {
                Copy(writer, weight, rows(weight));
            }
            else
            {
                errors.Add((weight, Round(writer, weight, rows(weight))));
            }
        }

        writer.Commit();
        return errors;
    }

    private void Copy(ShardedWriter writer, PlannedWeight weight, IRowSource source)
    {
        var rowBytes = weight.Columns * weight.SourceType.Size();
        foreach (var count in Pieces(weight))
        {
            writer.Append(weight.Name, new ReadOnlySpan<byte>((void*)source.Next(count), checked((int)(count * rowBytes))));
            done(count * rowBytes);
        }
    }

    private RoundingError Round(ShardedWriter writer, PlannedWeight weight, IRowSource source)
    {
        var (numberBytes, scales) = ((int)weight.NumberBytes, (int)weight.Scales);
        var error = default(RoundingError);
        var first = 0L;
        foreach (var count in Pieces(weight))
        {
            Grow(ref _numbers, count * (long)numberBytes);
            Grow(ref _scales, count * (long)scales);
            Grow(ref _errors, count);
            RoundRows(weight, source.Next(count), count);
            for (var row = 0; row < count; row++)
            {
                error = double.IsFinite(_errors[row].Squares) ? error.With(_errors[row]) : throw NotFinite(weight, first + row);
            }

            writer.Append(weight.Name, _numbers.AsSpan(0, count * numberBytes));
            writer.Append(StoredBlocks.ScaleName(weight.Name), MemoryMarshal.AsBytes(_scales.AsSpan(0, count * scales)));
            done(count * weight.Columns * weight.SourceType.Size());
            first += count;
        }

        return error;
    }

    private void RoundRows(PlannedWeight weight, nint rows, int count)
    {
        var (columns, blocks) = (checked((int)weight.Columns), (int)weight.Blocks);
        var rowBytes = (long)columns * weight.SourceType.Size();
        var (numberBytes, scales) = ((int)weight.NumberBytes, (int)weight.Scales);
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount, CancellationToken = cancellationToken };
        // As long as a row with what fills up its last block.
        float[]? importance = weight.Importance is { } counts ? [.. counts, .. new float[(blocks * StoredBlocks.BlockSize) - counts.Length]] : null;
        // Runs of rows: a row of a small matrix takes less than handing it out.
        Parallel.ForEach(Partitioner.Create(0, count, Math.Max(1, (int)(PieceNumbers / 64 / columns))), options, range =>
        {
            var values = new float[blocks * StoredBlocks.BlockSize];
            fixed (float* value = values)
            fixed (float* counted = importance)
            fixed (byte* number = _numbers)
            fixed (ushort* scale = _scales)
            {
                for (var row = range.Item1; row < range.Item2; row++)
                {
                    RowNumbers.Widen(rows + (nint)(row * rowBytes), weight.SourceType, columns, values);
                    _errors[row] = BlockRounding.Row(value, counted, blocks, weight, number + ((long)row * numberBytes), scale + ((long)row * scales));
                }
            }
        });
    }

    /// <summary>How many rows are handled at a time.</summary>
    private IEnumerable<int> Pieces(PlannedWeight weight)
    {
        var most = Math.Max(RowMultiple, PieceNumbers / Math.Max(1, weight.Columns) / RowMultiple * RowMultiple);
        for (var left = weight.Rows; left > 0; left -= most)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return (int)Math.Min(left, most);
        }
    }

    private static void Grow<T>(ref T[] array, long length) => array = array.Length >= length ? array : new T[length];

    private static CheckpointException NotFinite(PlannedWeight weight, long row) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"tensor \"{Printable.Of(weight.Name)}\" {Printable.Shape(weight.Shape)} {weight.SourceType.FileName()} cannot be quantised: row {row} holds a number that is not finite, or too large for a scale in half precision. Is the file damaged?"));
}
