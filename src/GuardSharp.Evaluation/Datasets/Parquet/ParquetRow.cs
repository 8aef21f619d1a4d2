using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Parquet;

/// <summary>A row between its two forms: one JSON object, or cells of columns.</summary>
internal sealed record ParquetRow
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The texts by column; null where the row says nothing.</summary>
    public required IReadOnlyDictionary<string, string?> Texts { get; init; }

    /// <summary>The truth.</summary>
    public bool? Unsafe { get; init; }

    /// <summary>Whether the label was derived.</summary>
    public bool? WeakLabel { get; init; }

    /// <summary>Violated codes.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Bytes of the pictures; see <see cref="ParquetColumns.ImageBytes"/>.</summary>
    public IReadOnlyList<byte[]?> Images { get; init; } = [];

    /// <summary>The cells of a JSON row.</summary>
    /// <param name="json">One object.</param>
    /// <param name="images">The pictures to keep in the file.</param>
    /// <exception cref="SampleFileException">A field is of another kind than its column.</exception>
    public static ParquetRow Of(string json, IReadOnlyList<byte[]?> images)
    {
        using var document = JsonDocument.Parse(json);
        var row = document.RootElement;
        var texts = ParquetColumns.Texts.ToDictionary(name => name, name => TextOf(row, name));
        texts[ParquetColumns.Extra] = ExtraOf(row);
        return new ParquetRow
        {
            Texts = texts,
            Unsafe = FlagOf(row, ParquetColumns.Unsafe),
            WeakLabel = FlagOf(row, ParquetColumns.WeakLabel),
            Categories = CodesOf(row),
            Images = images,
        };
    }

    /// <summary>The row as one JSON object on one line.</summary>
    /// <exception cref="JsonException">A cell that must hold JSON does not.</exception>
    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, _readable))
        {
            writer.WriteStartObject();
            WriteText(writer, ParquetColumns.Id);
            WriteText(writer, ParquetColumns.Task);
            writer.WritePropertyName(ParquetColumns.Messages);
            WriteMessages(writer, Texts[ParquetColumns.Messages] ?? "null");
            WriteFlag(writer, ParquetColumns.Unsafe, Unsafe);
            writer.WriteStartArray(ParquetColumns.Categories);
            foreach (var code in Categories)
            {
                writer.WriteStringValue(code);
            }

            writer.WriteEndArray();
            foreach (var name in (string[])[ParquetColumns.Language, ParquetColumns.Source, ParquetColumns.Licence])
            {
                WriteText(writer, name);
            }

            WriteFlag(writer, ParquetColumns.WeakLabel, WeakLabel);
            WriteText(writer, ParquetColumns.WrittenBy);
            WriteExtra(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // A picture whose bytes are in the file becomes a data URI: what every reader of conversations takes.
    private void WriteMessages(Utf8JsonWriter writer, string messages)
    {
        using var document = JsonDocument.Parse(messages);
        if (Images.Count == 0 || document.RootElement.ValueKind != JsonValueKind.Array)
        {
            document.RootElement.WriteTo(writer);
            return;
        }

        var image = 0;
        writer.WriteStartArray();
        foreach (var message in document.RootElement.EnumerateArray())
        {
            writer.WriteStartObject();
            foreach (var property in message.EnumerateObject())
            {
                writer.WritePropertyName(property.Name);
                if (property.Name != "content" || property.Value.ValueKind != JsonValueKind.Array)
                {
                    property.Value.WriteTo(writer);
                    continue;
                }

                writer.WriteStartArray();
                foreach (var part in property.Value.EnumerateArray())
                {
                    WritePart(writer, part, ref image);
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private void WritePart(Utf8JsonWriter writer, JsonElement part, ref int image)
    {
        var isImage = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("image");
        if (!isImage || image++ >= Images.Count || Images[image - 1] is not { } bytes)
        {
            part.WriteTo(writer);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("type", "image_url");
        writer.WriteStartObject("image_url");
        writer.WriteString("url", $"data:{PictureContent.MediaType(bytes)};base64,{Convert.ToBase64String(bytes)}");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteExtra(Utf8JsonWriter writer)
    {
        if (Texts[ParquetColumns.Extra] is not { } extra)
        {
            return;
        }

        using var document = JsonDocument.Parse(extra);
        foreach (var property in document.RootElement.EnumerateObject())
        {
            property.WriteTo(writer);
        }
    }

    private void WriteText(Utf8JsonWriter writer, string name)
    {
        if (Texts[name] is { } text)
        {
            writer.WriteString(name, text);
        }
    }

    private static void WriteFlag(Utf8JsonWriter writer, string name, bool? value)
    {
        if (value is { } flag)
        {
            writer.WriteBoolean(name, flag);
        }
    }

    private static string? TextOf(JsonElement row, string name)
    {
        if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return name == ParquetColumns.Messages ? value.GetRawText()
            : name == ParquetColumns.Extra || value.ValueKind == JsonValueKind.String ? JsonText(value)
            : throw Wrong(name, value, "a string");
    }

    private static string JsonText(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private static bool? FlagOf(JsonElement row, string name) => !row.TryGetProperty(name, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        _ => throw Wrong(name, value, "true or false"),
    };

    private static string[] CodesOf(JsonElement row)
    {
        if (!row.TryGetProperty(ParquetColumns.Categories, out var list) || list.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(code => code.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(code => code.GetString()!)]
            : throw Wrong(ParquetColumns.Categories, list, "a list of codes");
    }

    private static string? ExtraOf(JsonElement row)
    {
        string[] known = [.. ParquetColumns.Texts, ParquetColumns.Unsafe, ParquetColumns.WeakLabel, ParquetColumns.Categories];
        JsonProperty[] extra = [.. row.EnumerateObject().Where(property => property.Name == ParquetColumns.Extra || !known.Contains(property.Name))];
        return extra.Length == 0 ? null : $"{{{string.Join(',', extra.Select(property => property.ToString()))}}}";
    }

    private static SampleFileException Wrong(string name, JsonElement value, string allowed) =>
        new($"\"{name}\" is {JsonField.KindOf(value)}, but its column holds {allowed}.");
}
