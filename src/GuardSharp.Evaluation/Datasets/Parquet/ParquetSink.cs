using GuardSharp.Evaluation.Predictions;
using Parquet;
using Parquet.Schema;

namespace GuardSharp.Evaluation.Datasets.Parquet;

/// <summary>Writes rows to a Parquet file (Zstandard), in groups small enough for memory.</summary>
/// <remarks>The library writes asynchronously only; sinks are plain writers of files of this machine, so it is waited for here (as <see cref="ParquetRowReader"/> does).</remarks>
internal sealed class ParquetSink : RowSink
{
    private const int RowsAtOnce = 8192;
    private const long BytesAtOnce = 64L << 20;

    private readonly PendingFile _file;
    private readonly ParquetSchema _schema = ParquetColumns.Schema();
    private readonly List<ParquetRow> _rows = [];
    private ParquetWriter? _writer;
    private long _bytes;

    /// <param name="path">The file to write.</param>
    public ParquetSink(string path) => _file = new PendingFile(path);

    /// <inheritdoc/>
    public override void Write(string json, IReadOnlyList<byte[]?> pictures)
    {
        _rows.Add(ParquetRow.Of(json, pictures));
        _bytes += json.Length + pictures.Sum(picture => (long)(picture?.Length ?? 0));
        if (_rows.Count >= RowsAtOnce || _bytes >= BytesAtOnce)
        {
            FlushAsync().GetAwaiter().GetResult();
        }
    }

    /// <inheritdoc/>
    public override void Commit()
    {
        FlushAsync().GetAwaiter().GetResult();
        _writer!.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _writer = null;
        _file.Commit();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        // The end of the file is written although nobody will see it: the writer knows no other way to end.
        _writer?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _file.Dispose();
    }

    private async Task FlushAsync()
    {
        _writer ??= await ParquetWriter.CreateAsync(_schema, _file.Stream, new ParquetOptions { CompressionMethod = CompressionMethod.Zstd }).ConfigureAwait(false);
        if (_rows.Count == 0)
        {
            return;
        }

        var fields = _schema.GetDataFields();
        using var group = _writer.CreateRowGroup();
        foreach (var (name, field) in ParquetColumns.Texts.Zip(fields))
        {
            await group.WriteAsync(field, [.. _rows.Select(row => row.Texts[name]!)], null).ConfigureAwait(false);
        }

        var at = ParquetColumns.Texts.Count;
        await group.WriteAsync<bool>(fields[at], _rows.Select(row => row.Unsafe).ToArray(), null, null, CancellationToken.None).ConfigureAwait(false);
        await group.WriteAsync<bool>(fields[at + 1], _rows.Select(row => row.WeakLabel).ToArray(), null, null, CancellationToken.None).ConfigureAwait(false);
        await WriteListsAsync(group, fields[at + 2], row => row.Categories, code => code.AsMemory()).ConfigureAwait(false);
        await WriteListsAsync(group, fields[at + 3], row => row.Images, bytes => new ReadOnlyMemory<byte>(bytes)).ConfigureAwait(false);
        group.CompleteValidate();
        _rows.Clear();
        _bytes = 0;
    }

    // Levels as Parquet counts them (Dremel): 1 an empty list, 2 an empty place in one, 3 a value; a list's first place begins a row.
    private async Task WriteListsAsync<T, TValue>(ParquetRowGroupWriter group, DataField field, Func<ParquetRow, IReadOnlyList<T>> list, Func<T, ReadOnlyMemory<TValue>> value)
    {
        var (values, definitions, repetitions) = (new List<ReadOnlyMemory<TValue>>(), new List<int>(), new List<int>());
        foreach (var cells in _rows.Select(list))
        {
            if (cells.Count == 0)
            {
                definitions.Add(1);
                repetitions.Add(0);
            }

            for (var i = 0; i < cells.Count; i++)
            {
                definitions.Add(cells[i] is null ? 2 : 3);
                repetitions.Add(i == 0 ? 0 : 1);
                if (cells[i] is { } cell)
                {
                    values.Add(value(cell));
                }
            }
        }

        await group.WriteAllPartsAsync<ReadOnlyMemory<TValue>>(field, values.ToArray(), definitions.ToArray(), repetitions.ToArray(), CancellationToken.None).ConfigureAwait(false);
    }
}
