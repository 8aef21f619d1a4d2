using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Lab.Training.Rows;

/// <summary>Reads the labelled rows of a JSON Lines file (plain or gzip) or a Parquet file in the schema of docs/evaluation.md, text parts only.</summary>
/// <remarks>Unlike the evaluation's reader it keeps <c>written_by</c>: texts of some models must stay out of training.</remarks>
internal static class TrainingRowReader
{
    /// <summary>All rows of a file, in its order.</summary>
    /// <exception cref="TrainingException">A line is not such a row; the message names file and line.</exception>
    public static List<TrainingRow> Read(string path)
    {
        if (!File.Exists(path))
            throw new TrainingException($"{path}: no such file. The training data are not part of the repository: docs/training.md says where they come from.");

        return [.. SampleReader.ReadLines(path).Select(row => Parse(row.Text, $"{path}:{row.Line}"))];
    }

    private static TrainingRow Parse(string line, string place)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            return new TrainingRow(
                Text(root, "id"),
                Text(root, "source"),
                Text(root, "language"),
                new Conversation([.. root.GetProperty("messages").EnumerateArray().Select(ParseTurn)]),
                root.GetProperty("unsafe").GetBoolean(),
                [.. root.GetProperty("categories").EnumerateArray().Select(code => code.GetString()!).OrderBy(code => int.Parse(code.AsSpan(1), null))],
                root.TryGetProperty("written_by", out var writer) ? writer.GetString() : null);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new TrainingException($"{place}: not a labelled row: {error.Message} Expected id, source, language, messages, unsafe, categories.", error);
        }
    }

    private static string Text(JsonElement root, string name) => root.GetProperty(name).GetString()!;

    private static Turn ParseTurn(JsonElement message)
    {
        var role = Text(message, "role") == "assistant" ? Role.Assistant : Role.User;
        var content = message.GetProperty("content");
        return content.ValueKind == JsonValueKind.String
            ? new Turn(role, [new TextPart(content.GetString()!)])
            : new Turn(role, [.. content.EnumerateArray().Where(part => Text(part, "type") == "text").Select(part => new TextPart(Text(part, "text")))]);
    }
}
