using System.Globalization;
using System.Text;
using System.Text.Json;
using GuardSharp.Evaluation.Samples;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace GuardSharp.Evaluation.Datasets.Parquet;

/// <summary>Reads the rows of a Parquet file as JSON texts, one group of rows in memory at a time.</summary>
/// <remarks>The library reads asynchronously only; over a file of this machine nothing is won by it, so readers of rows stay plain enumerators.</remarks>
internal static class ParquetRowReader
{
    /// <summary>What a Parquet file begins with.</summary>
    public static ReadOnlySpan<byte> Magic => "PAR1"u8;

    /// <summary>The rows in their order. What cannot be read is one row with its damage, and the last.</summary>
    public static IEnumerable<RowLine> Read(FileStream file)
    {
        var (reader, damage) = Guarded(() => ParquetReader.CreateAsync(file, new ParquetOptions(), leaveStreamOpen: true).GetAwaiter().GetResult());
        if (reader is null)
        {
            yield return new RowLine(1, null, damage);
            yield break;
        }

        long number = 0;
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            var at = group;
            (var rows, damage) = Guarded(() => ReadGroupAsync(reader, at).GetAwaiter().GetResult());
            if (rows is null)
            {
                yield return new RowLine(number + 1, null, damage);
                yield break;
            }

            foreach (var row in rows)
            {
                yield return Line(row, ++number);
            }
        }
    }

    // The library meets damaged bytes with exceptions of many kinds; all of them say the same here.
    private static (T? Value, string? Damage) Guarded<T>(Func<T> read) where T : class
    {
        try
        {
            return (read(), null);
        }
        catch (SampleFileException error)
        {
            return (null, error.Message);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return (null, $"the Parquet file is damaged or of a kind that is not read ({error.GetType().Name}). Write it again.");
        }
    }

    private static RowLine Line(ParquetRow row, long number)
    {
        try
        {
            return new RowLine(number, row.ToJson());
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return new RowLine(number, null, "\"messages\" or \"extra\" holds no JSON. Write messages as [{\"role\",\"content\"}].");
        }
    }

    private static async Task<List<ParquetRow>> ReadGroupAsync(ParquetReader reader, int index)
    {
        using var group = reader.OpenRowGroupReader(index);
        var count = checked((int)group.RowCount);
        var columns = new Dictionary<string, List<object?>[]>(StringComparer.Ordinal);
        foreach (var field in reader.Schema.GetDataFields())
        {
            var name = field.Path.FirstPart!;
            if (ParquetColumns.Texts.Contains(name) || name is ParquetColumns.Unsafe or ParquetColumns.WeakLabel or ParquetColumns.Categories or ParquetColumns.ImageBytes)
            {
                columns[name] = await CellsAsync(group, field, count).ConfigureAwait(false);
            }
        }

        if (!columns.ContainsKey(ParquetColumns.Messages))
        {
            throw new SampleFileException($"the Parquet file has no column \"{ParquetColumns.Messages}\" of JSON texts. It has {string.Join(", ", reader.Schema.Fields.Select(field => field.Name))}.");
        }

        object? Cell(string name, int row) => columns.TryGetValue(name, out var cells) ? cells[row].FirstOrDefault() : null;
        return [.. Enumerable.Range(0, count).Select(row => new ParquetRow
        {
            Texts = ParquetColumns.Texts.ToDictionary(name => name, name => TextOf(Cell(name, row))),
            Unsafe = FlagOf(Cell(ParquetColumns.Unsafe, row), ParquetColumns.Unsafe),
            WeakLabel = FlagOf(Cell(ParquetColumns.WeakLabel, row), ParquetColumns.WeakLabel),
            Categories = columns.TryGetValue(ParquetColumns.Categories, out var codes) ? [.. codes[row].Select(TextOf).OfType<string>()] : [],
            Images = columns.TryGetValue(ParquetColumns.ImageBytes, out var images) ? [.. images[row].Select(image => image as byte[])] : [],
        })];
    }

    private static string? TextOf(object? cell) => cell switch
    {
        null => null,
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        _ => Convert.ToString(cell, CultureInfo.InvariantCulture),
    };

    private static bool? FlagOf(object? cell, string name) => cell switch
    {
        null => null,
        bool flag => flag,
        _ => throw new SampleFileException($"the column \"{name}\" holds {cell.GetType().Name}; it must hold true and false."),
    };

    /// <summary>The cells of a column by row: one for a plain column (none: null), any number for a list.</summary>
    internal static async Task<List<object?>[]> CellsAsync(ParquetRowGroupReader group, DataField field, int count)
    {
        using var raw = await group.ReadRawColumnDataBaseAsync(field, CancellationToken.None).ConfigureAwait(false);
        var value = Values(raw, field);
        int[]? definitions = field.MaxDefinitionLevel > 0 ? raw.DefinitionLevels.ToArray() : null;
        int[]? repetitions = field.MaxRepetitionLevel > 0 ? raw.RepetitionLevels.ToArray() : null;
        var rows = Enumerable.Range(0, count).Select(_ => new List<object?>(1)).ToArray();
        var (row, next) = (-1, 0);
        for (var i = 0; i < (definitions?.Length ?? count); i++)
        {
            row += repetitions is null || repetitions[i] == 0 ? 1 : 0;
            if (definitions is null || definitions[i] == field.MaxDefinitionLevel)
            {
                rows[row].Add(value(next++));
            }
            else if (repetitions is not null && field.IsNullable && definitions[i] == field.MaxDefinitionLevel - 1)
            {
                rows[row].Add(null);
            }
        }

        return rows;
    }

    private static Func<int, object> Values(RawColumnData raw, DataField field) => raw switch
    {
        RawColumnData<ReadOnlyMemory<char>> texts => index => texts.Values[index].ToString(),
        RawColumnData<ReadOnlyMemory<byte>> bytes => index => bytes.Values[index].ToArray(),
        RawColumnData<bool> flags => index => flags.Values[index],
        RawColumnData<int> numbers => index => numbers.Values[index],
        RawColumnData<long> numbers => index => numbers.Values[index],
        RawColumnData<float> numbers => index => (double)numbers.Values[index],
        RawColumnData<double> numbers => index => numbers.Values[index],
        _ => throw new SampleFileException($"the column \"{field.Path.FirstPart}\" holds {field.ClrType.Name}, which is not read here. Write it as text, true and false, or a list of texts."),
    };
}
