using System.Buffers;
using System.Text;
using System.Text.Json;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>JSON Lines of <c>{"id","unsafe","unsafeProbability","categories","categoryProbabilities"}</c>, one row for each sample, in order.</summary>
internal static class PredictionFile
{
    /// <summary>Writes one row, its line feed included.</summary>
    public static void WriteRow(Utf8JsonWriter json, Stream stream, string id, Prediction prediction)
    {
        json.Reset(stream);
        Write(json, id, prediction, null);
        stream.WriteByte((byte)'\n');
    }

    /// <summary>One row as text, with the time it took.</summary>
    public static string ToJson(string id, Prediction prediction, double milliseconds)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            Write(json, id, prediction, milliseconds);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>A row that <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="SampleFileException">It is something else.</exception>
    public static (Prediction Prediction, double Milliseconds) OfJson(string json, string place)
    {
        using var document = Parse(json, place);
        var time = document.RootElement.TryGetProperty("milliseconds", out var value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : throw new SampleFileException($"{place} has no \"milliseconds\".");
        return (ParseRow(document.RootElement, place), time);
    }

    private static void Write(Utf8JsonWriter json, string id, Prediction prediction, double? milliseconds)
    {
        json.WriteStartObject();
        json.WriteString("id", id);
        json.WriteBoolean("unsafe", prediction.IsUnsafe);
        json.WriteNumber("unsafeProbability", prediction.UnsafeProbability);
        if (prediction.IsUnreadable)
        {
            json.WriteBoolean("unreadable", true);
        }

        json.WriteStartArray("categories");
        foreach (var code in prediction.Categories)
        {
            json.WriteStringValue(code);
        }

        json.WriteEndArray();
        json.WriteStartObject("categoryProbabilities");
        foreach (var (code, probability) in prediction.CategoryProbabilities)
        {
            json.WriteNumber(code, probability);
        }

        json.WriteEndObject();
        if (milliseconds is { } time)
        {
            json.WriteNumber("milliseconds", time);
        }

        json.WriteEndObject();
        json.Flush();
    }

    /// <summary>The rows of a prediction file with their ids, lazily.</summary>
    /// <exception cref="SampleFileException">The file is damaged or a row is not in the form above.</exception>
    public static IEnumerable<(string Id, Prediction Prediction, string Place)> Read(string path)
    {
        foreach (var (text, line) in SampleReader.ReadLines(path))
        {
            var place = $"{path}:{line}";
            using (var document = Parse(text, place))
            {
                yield return (JsonField.Text(document.RootElement, "id", place), ParseRow(document.RootElement, place), place);
            }
        }
    }

    private static JsonDocument Parse(string text, string place)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{place}: not one JSON object (byte {error.BytePositionInLine + 1}). Expected one prediction a line.", error);
        }
    }

    private static Prediction ParseRow(JsonElement row, string place)
    {
        if (!row.TryGetProperty("unsafe", out var flag) || flag.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            throw new SampleFileException($"{place}: \"unsafe\" must be true or false.");
        }

        var probabilities = new Dictionary<string, double>();
        if (row.TryGetProperty("categoryProbabilities", out var byCode) && byCode.ValueKind == JsonValueKind.Object)
        {
            foreach (var pair in byCode.EnumerateObject())
            {
                probabilities[pair.Name] = Probability(pair.Value, pair.Name, place);
            }
        }

        string[] codes = row.TryGetProperty("categories", out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(code => code.ValueKind == JsonValueKind.String ? code.GetString()! : throw new SampleFileException($"{place}: \"categories\" must be a list of codes."))]
            : [];
        var score = row.TryGetProperty("unsafeProbability", out var value) ? Probability(value, "unsafeProbability", place) : throw new SampleFileException($"{place} has no \"unsafeProbability\".");
        return new Prediction(flag.GetBoolean(), score, codes, probabilities)
        {
            IsUnreadable = row.TryGetProperty("unreadable", out var unreadable) && unreadable.ValueKind == JsonValueKind.True,
        };
    }

    private static double Probability(JsonElement value, string name, string place) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number is >= 0 and <= 1
            ? number
            : throw new SampleFileException($"{place}: \"{name}\" must be a number from 0 to 1.");
}
