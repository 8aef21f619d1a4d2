using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Samples;
using Parquet;
using Parquet.Schema;

namespace GuardSharp.Evaluation.Datasets.Parquet;

/// <summary>Reads any Parquet file as rows of cells: plain columns, lists of plain values, and columns in a struct as an object.</summary>
internal static class ParquetTable
{
    /// <summary>The rows, one group in memory at a time.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="path">Its name, for messages.</param>
    /// <exception cref="SampleFileException">The file is damaged or has a column of a kind that is not read.</exception>
    public static IEnumerable<JsonObject> Read(FileStream stream, string path)
    {
        var reader = Guarded(path, () => ParquetReader.CreateAsync(stream, new ParquetOptions(), leaveStreamOpen: true).GetAwaiter().GetResult());
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            var at = group;
            foreach (var row in Guarded(path, () => ReadGroupAsync(reader, at).GetAwaiter().GetResult()))
            {
                yield return row;
            }
        }
    }

    private static async Task<List<JsonObject>> ReadGroupAsync(ParquetReader reader, int index)
    {
        using var group = reader.OpenRowGroupReader(index);
        var rows = Enumerable.Range(0, checked((int)group.RowCount)).Select(_ => new JsonObject()).ToList();
        foreach (var field in reader.Schema.GetDataFields())
        {
            var cells = await ParquetRowReader.CellsAsync(group, field, rows.Count).ConfigureAwait(false);
            for (var row = 0; row < rows.Count; row++)
            {
                Place(rows[row], field, cells[row]);
            }
        }

        return rows;
    }

    private static void Place(JsonObject row, DataField field, List<object?> cells)
    {
        var path = field.Path.ToList();
        // A list is stored as NAME/list/element: its own name counts, and what is in a struct lies below it.
        if (field.MaxRepetitionLevel > 0)
        {
            row[path[0]] = new JsonArray([.. cells.Select(Node)]);
            return;
        }

        var target = row;
        foreach (var name in path[..^1])
        {
            target = target[name] as JsonObject ?? (JsonObject)(target[name] = new JsonObject());
        }

        target[path[^1]] = Node(cells.FirstOrDefault());
    }

    private static JsonNode? Node(object? cell) => cell switch
    {
        null => null,
        bool flag => flag,
        int number => number,
        long number => number,
        double number => number,
        byte[] bytes => Convert.ToBase64String(bytes),
        _ => cell.ToString(),
    };

    // The library meets damaged bytes with exceptions of many kinds; all of them say the same here.
    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is not (OutOfMemoryException or SampleFileException))
        {
            throw new SampleFileException($"{path}: the Parquet file is damaged or of a kind that is not read ({error.GetType().Name}).", error);
        }
    }
}
