using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Evaluation.Datasets.Blending;

/// <summary>Writes what a blend came to.</summary>
internal static class BlendFiles
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes rows; a repetition gets an id of its own: <c>id#2</c> is the second time.</summary>
    /// <exception cref="GuardException">The file or a picture cannot be written.</exception>
    public static void WriteRows(string path, IEnumerable<BlendedRow> rows)
    {
        using var sink = RowSink.Create(path);
        var pictures = new RowPictures(path);
        foreach (var (row, copy) in rows)
        {
            var json = pictures.Take(row);
            sink.Write(copy == 0 ? json : Renamed(json, $"{row.Id}#{copy + 1}"));
        }

        sink.Commit();
    }

    /// <summary>Writes a line for each row that was dropped: <c>{"file","line","id","source","reason","like"}</c>.</summary>
    /// <exception cref="GuardException">The file cannot be written.</exception>
    public static void WriteDropped(string path, IEnumerable<DroppedRow> rows)
    {
        using var file = new PendingFile(path);
        using (var json = new Utf8JsonWriter(file.Stream, _readable))
        {
            foreach (var row in rows)
            {
                json.Reset(file.Stream);
                json.WriteStartObject();
                json.WriteString("file", row.File);
                json.WriteNumber("line", row.Line);
                json.WriteString("id", row.Id);
                json.WriteString("source", row.Source);
                json.WriteString("reason", row.Reason);
                json.WriteString("like", row.Like);
                json.WriteEndObject();
                json.Flush();
                file.Stream.WriteByte((byte)'\n');
            }
        }

        file.Commit();
    }

    private static string Renamed(string json, string id)
    {
        var node = JsonNode.Parse(json)!;
        node["id"] = id;
        return RowPictures.Text(node);
    }
}
