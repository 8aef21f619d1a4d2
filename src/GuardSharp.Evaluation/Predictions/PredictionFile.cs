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
        json.WriteStartObject();
        json.WriteString("id", id);
        json.WriteBoolean("unsafe", prediction.IsUnsafe);
        json.WriteNumber("unsafeProbability", prediction.UnsafeProbability);
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
        json.WriteEndObject();
        json.Flush();
        stream.WriteByte((byte)'\n');
    }

    /// <summary>The rows of a prediction file with their ids, lazily.</summary>
    /// <exception cref="SampleFileException">The file is damaged or a row is not in the form above.</exception>
    public static IEnumerable<(string Id, Prediction Prediction, string Place)> Read(string path)
    {
        foreach (var (text, line) in SampleReader.ReadLines(path))
        {
            var place = $"{path}:{line}";
            JsonDocument document;
            try
            {
                document = JsonDocument.Parse(text);
            }
            catch (JsonException error)
            {
                throw new SampleFileException($"{place}: not one JSON object (byte {error.BytePositionInLine + 1}). Expected one prediction a line.", error);
            }

            using (document)
            {
                yield return (JsonField.Text(document.RootElement, "id", place), ParseRow(document.RootElement, place), place);
            }
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
        return new Prediction(flag.GetBoolean(), score, codes, probabilities);
    }

    private static double Probability(JsonElement value, string name, string place) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number is >= 0 and <= 1
            ? number
            : throw new SampleFileException($"{place}: \"{name}\" must be a number from 0 to 1.");
}
