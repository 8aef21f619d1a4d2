using System.Text.Json;

namespace GuardSharp.Checkpoints.Pruning;

/// <summary>pruning.json: what a folder was pruned from, what stayed and why. A record for people: nothing that a network needs stands here.</summary>
/// <param name="Source">Name of the model it was made from.</param>
/// <param name="SourceWeights">Its weights.</param>
/// <param name="Plan">What stayed.</param>
/// <param name="Scores">What was measured; null: nothing had to be.</param>
internal sealed record PruningRecord(string Source, WeightsDigest SourceWeights, PruningPlan Plan, PruningScores? Scores)
{
    /// <summary>The file's name.</summary>
    public const string FileName = "pruning.json";

    private const int Schema = 1;

    /// <summary>Writes the file into a model folder.</summary>
    public void Write(string folder) => ReplacedFile.Write(Path.Combine(folder, FileName), stream =>
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = false }))
        {
            Write(json);
        }

        stream.WriteByte((byte)'\n');
    });

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("schema", Schema);
        json.WriteString("recipe", "small");
        json.WriteStartObject("source");
        json.WriteString("name", Source);
        json.WriteString("weightsSha256", SourceWeights.Hex);
        json.WriteBoolean("isSample", SourceWeights.IsSample);
        json.WriteEndObject();
        json.WriteNumber("conversations", Scores?.Conversations ?? 0);
        json.WriteNumber("tokens", Scores?.Tokens ?? 0);
        WriteNumbers(json, "layers", Plan.Layers);
        WriteNumbers(json, "outputTokens", Plan.OutputTokens);
        WriteScores(json, "blockImportance", Scores?.Layers);
        json.WriteStartArray("feedForwards");
        for (var i = 0; Plan.Neurons is not null && i < Plan.Layers.Length; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("layer", Plan.Layers[i]);
            WriteNumbers(json, "neurons", Plan.Neurons[i]);
            WriteScores(json, "norms", Scores?.Neurons?[i]);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, int[]? numbers)
    {
        if (numbers is null)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartArray(key);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    // Singles: eight digits are more than was measured.
    private static void WriteScores(Utf8JsonWriter json, string key, double[]? scores)
    {
        if (scores is null)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartArray(key);
        foreach (var score in scores)
        {
            json.WriteNumberValue((float)score);
        }

        json.WriteEndArray();
    }
}
