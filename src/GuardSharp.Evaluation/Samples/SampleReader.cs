using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Samples;

/// <summary>
/// Reads JSON Lines, plain or gzip, or Parquet (told by the first bytes), one sample a row:
/// <c>{"id","task","messages","unsafe","categories","language","source"}</c>; the schema of docs/data.md.
/// </summary>
/// <remarks>Lazy: a file larger than memory is fine. Every error begins with the file and the line.</remarks>
public static class SampleReader
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>The samples of a file in its order. Blank lines are passed over.</summary>
    /// <param name="path">The file, plain or gzip.</param>
    /// <param name="labelled">True when every row must say whether it is unsafe, as for metrics; false when rows are only to be judged.</param>
    /// <exception cref="SampleFileException">The file is missing, damaged, or a row is not in the schema.</exception>
    /// <exception cref="InvalidConversationException">A row's messages are no conversation; for their form see <see cref="ConversationJson"/>.</exception>
    /// <exception cref="ImageException">An image is missing or too large.</exception>
    public static IEnumerable<Sample> Read(string path, bool labelled)
    {
        var folder = RowLines.FolderOf(path);
        foreach (var (text, line) in ReadLines(path))
        {
            yield return ParseRow(text, folder, $"{path}:{line}", line, labelled);
        }
    }

    /// <summary>The rows of a file as JSON texts with their numbers from 1: lines that are not blank, or rows of a Parquet file.</summary>
    /// <exception cref="SampleFileException">The file is missing or damaged.</exception>
    internal static IEnumerable<(string Text, long Line)> ReadLines(string path)
    {
        foreach (var row in RowLines.Read(path))
        {
            yield return row.Text is { } text ? (text, row.Line) : throw new SampleFileException($"{path}:{row.Line}: {row.Damage}");
        }
    }

    /// <summary>Reads one row.</summary>
    /// <param name="text">The line.</param>
    /// <param name="folder">Where paths of its pictures start.</param>
    /// <param name="place">File and line, for messages.</param>
    /// <param name="line">The line's number: the id of a row without one.</param>
    /// <param name="labelled">True when it must say whether it is unsafe.</param>
    internal static Sample ParseRow(string text, string folder, string place, long line, bool labelled)
    {
        try
        {
            using var document = JsonDocument.Parse(text, _strict);
            return ParseRow(document.RootElement, folder, place, line, labelled);
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{place}: not one JSON object whose keys all differ (byte {error.BytePositionInLine + 1}). Expected one row a line.", error);
        }
    }

    private static Sample ParseRow(JsonElement row, string folder, string place, long line, bool labelled)
    {
        if (row.ValueKind != JsonValueKind.Object || !row.TryGetProperty("messages", out var messages))
        {
            throw new SampleFileException($"{place}: the row has no \"messages\". Expected {{\"id\",\"messages\":[{{\"role\",\"content\"}}],...}}.");
        }

        var conversation = ConversationJson.FromMessages(messages, folder, place);
        var truth = ReadTruth(row, place);
        if (labelled && truth is null)
        {
            throw new SampleFileException($"{place}: the row has no \"unsafe\": true or false is needed to compute metrics.");
        }

        return new Sample(place, conversation)
        {
            Id = IdOf(row, line, place),
            Task = ReadTask(row, conversation.Turns[^1].Role, place),
            Unsafe = truth,
            Categories = ReadCategories(row, truth, place),
            Language = Optional(row, "language", place) ?? "unknown",
            Source = Optional(row, "source", place) ?? "unknown",
        };
    }

    /// <summary>The id of a row: its own, or its number.</summary>
    internal static string IdOf(string text, long line, string place)
    {
        using var document = JsonDocument.Parse(text, _strict);
        return IdOf(document.RootElement, line, place);
    }

    private static string IdOf(JsonElement row, long line, string place) => Optional(row, "id", place) ?? line.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string? Optional(JsonElement row, string name, string place) =>
        row.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? JsonField.Text(row, name, place) : null;

    private static SampleTask ReadTask(JsonElement row, Role last, string place) => Optional(row, "task", place) switch
    {
        "prompt" => SampleTask.Prompt,
        "response" => SampleTask.Response,
        null => last == Role.Assistant ? SampleTask.Response : SampleTask.Prompt,
        _ => throw new SampleFileException($"{place}: \"task\" must be prompt or response."),
    };

    private static bool? ReadTruth(JsonElement row, string place)
    {
        if (!row.TryGetProperty("unsafe", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw new SampleFileException($"{place}: \"unsafe\" is {JsonField.KindOf(value)}, but must be true or false.");
    }

    private static string[] ReadCategories(JsonElement row, bool? truth, string place)
    {
        if (!row.TryGetProperty("categories", out var list) || list.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (list.ValueKind != JsonValueKind.Array || list.EnumerateArray().Any(code => code.ValueKind != JsonValueKind.String))
        {
            throw new SampleFileException($"{place}: \"categories\" must be a list of codes such as [\"S4\"].");
        }

        string[] codes = [.. list.EnumerateArray().Select(code => code.GetString()!).Distinct()];
        return truth == false && codes.Length > 0
            ? throw new SampleFileException($"{place}: the row is safe but names violated categories. One of the two is wrong.")
            : codes;
    }
}
