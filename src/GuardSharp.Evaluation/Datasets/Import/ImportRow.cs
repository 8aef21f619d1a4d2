using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>A row of a published file: cells by column, whatever the kind of the file. Columns are found whatever their case.</summary>
/// <param name="number">Its number, from 1.</param>
/// <param name="file">The file.</param>
/// <param name="place">File and row, for messages.</param>
/// <param name="cells">The cells.</param>
internal sealed class ImportRow(long number, string file, string place, JsonObject cells)
{
    /// <summary>The file's name without its folder and its ending.</summary>
    public string FileName { get; } = Path.GetFileNameWithoutExtension(file);

    /// <summary>Its number, from 1.</summary>
    public long Number => number;

    /// <summary>File and row, for messages.</summary>
    public string Place => place;

    /// <summary>The columns that the row has.</summary>
    public IEnumerable<string> Columns => cells.Select(cell => cell.Key);

    /// <summary>A cell; null where there is none, or nothing in it.</summary>
    public JsonNode? Find(string column) => cells.FirstOrDefault(cell => string.Equals(cell.Key, column, StringComparison.OrdinalIgnoreCase)).Value;

    /// <summary>A text that must be there.</summary>
    /// <exception cref="SampleFileException">It is empty or no text.</exception>
    public string Text(string column) => OptionalText(column) is { Length: > 0 } text ? text : throw new SampleFileException($"{place}: \"{column}\" is empty.");

    /// <summary>A text, a number as text, or null where nothing is there.</summary>
    /// <exception cref="SampleFileException">It is a list or an object.</exception>
    public string? OptionalText(string column) => Find(column) switch
    {
        null => null,
        JsonValue value => value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString(),
        _ => throw new SampleFileException($"{place}: \"{column}\" is a list or an object, but must be a text."),
    };

    /// <summary>A yes or no: true and false, 1 and 0, in any spelling; null where nothing is there.</summary>
    /// <exception cref="SampleFileException">It is neither.</exception>
    public bool? Flag(string column) => OptionalText(column)?.Trim().ToUpperInvariant() switch
    {
        null or "" => null,
        "TRUE" or "1" or "1.0" => true,
        "FALSE" or "0" or "0.0" => false,
        _ => throw new SampleFileException($"{place}: \"{column}\" must be true or false, or 1 or 0."),
    };

    /// <summary>One of a few words, in any spelling; null where nothing is there.</summary>
    /// <exception cref="SampleFileException">It is another.</exception>
    public string? Word(string column, params string[] allowed)
    {
        var word = OptionalText(column)?.Trim().ToLower(CultureInfo.InvariantCulture);
        return string.IsNullOrEmpty(word) ? null
            : allowed.Contains(word) ? word
            : throw new SampleFileException($"{place}: \"{column}\" must be {string.Join(" or ", allowed)}.");
    }
}
