using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsvHelper;
using GuardSharp.Evaluation.Datasets.Parquet;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>Reads published files as rows of cells: CSV, JSON (a list of objects, or an object of them), JSON Lines plain or gzip, Parquet.</summary>
internal static class ImportFile
{
    /// <summary>Where an object of objects keeps the name of each.</summary>
    public const string KeyColumn = "_key";

    /// <summary>The rows in their order; the next is read when it is asked for.</summary>
    /// <exception cref="SampleFileException">The file is missing, damaged or of another kind.</exception>
    public static IEnumerable<ImportRow> Read(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".CSV" => ReadCsv(path),
        ".JSON" => ReadJson(path),
        ".JSONL" or ".GZ" => ReadLines(path),
        ".PARQUET" => ReadParquet(path),
        _ => throw new SampleFileException($"{path}: published files are read as .csv, .json, .jsonl, .jsonl.gz or .parquet, not as \"{Path.GetExtension(path)}\". Name the file so."),
    };

    private static IEnumerable<ImportRow> ReadCsv(string path)
    {
        using var reader = new StreamReader(Open(path));
        using var csv = new CsvParser(reader, CultureInfo.InvariantCulture);
        var header = Next(csv, path, 0) ?? throw new SampleFileException($"{path}: the file is empty.");
        for (long number = 1; Next(csv, path, number) is { } cells; number++)
        {
            if (cells.Length != header.Length)
            {
                throw new SampleFileException($"{path}: row {number} has {cells.Length} cells, but the header names {header.Length} columns. Is a quote missing?");
            }

            var row = new JsonObject();
            for (var i = 0; i < header.Length; i++)
            {
                row[header[i].Trim()] = cells[i].Length == 0 ? null : cells[i];
            }

            yield return new ImportRow(number, path, $"{path}: row {number}", row);
        }
    }

    private static string[]? Next(CsvParser csv, string path, long number)
    {
        try
        {
            return csv.Read() ? csv.Record : null;
        }
        catch (Exception error) when (error is CsvHelperException or IOException)
        {
            // The library's message quotes the row; content belongs into no error.
            throw new SampleFileException($"{path}: row {number} is not CSV ({error.GetType().Name}). Quotes within a quoted cell are written twice.", error is IOException ? error : null);
        }
    }

    private static IEnumerable<ImportRow> ReadJson(string path)
    {
        JsonNode? root;
        try
        {
            using var stream = Open(path);
            root = JsonNode.Parse(stream);
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{path}: not JSON (line {error.LineNumber + 1}). A file of one object a line is named .jsonl.", error);
        }

        return root switch
        {
            JsonArray list => list.Select((item, index) => RowOf(path, index + 1, item as JsonObject)),
            JsonObject map => map.Select((pair, index) => RowOf(path, index + 1, pair.Value as JsonObject, pair.Key)),
            _ => throw new SampleFileException($"{path}: must be a list of objects, or an object of objects."),
        };
    }

    private static ImportRow RowOf(string path, long number, JsonObject? item, string? key = null)
    {
        if (item is null)
        {
            throw new SampleFileException($"{path}: item {number} is no object. Expected a list of objects, or an object of objects.");
        }

        if (key is not null)
        {
            item[KeyColumn] = key;
        }

        return new ImportRow(number, path, $"{path}: item {number}", item);
    }

    private static IEnumerable<ImportRow> ReadLines(string path) => SampleReader.ReadLines(path).Select(row =>
    {
        try
        {
            return new ImportRow(row.Line, path, $"{path}:{row.Line}", JsonNode.Parse(row.Text) as JsonObject ?? throw new JsonException("no object"));
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{path}:{row.Line}: not one JSON object. Expected one a line.", error);
        }
    });

    private static IEnumerable<ImportRow> ReadParquet(string path)
    {
        using var stream = Open(path);
        long number = 0;
        foreach (var row in ParquetTable.Read(stream, path))
        {
            number++;
            yield return new ImportRow(number, path, $"{path}: row {number}", row);
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SampleFileException($"{path}: the file cannot be read: {error.Message}", error);
        }
    }
}
