using System.Text.Json;

namespace GuardSharp.Checkpoints.Quantization;

/// <summary>quantization.json: what a folder was quantised from, how, and how far each weight moved. Nothing that a network needs stands here alone.</summary>
/// <param name="Scheme">Name of the scheme.</param>
/// <param name="Group">Inputs that share a scale of four-bit weights.</param>
/// <param name="ActivationsPerToken">Whether products round a whole row of activations at a time.</param>
/// <param name="Source">Name of the model it was made from.</param>
/// <param name="SourceWeights">Its weights; null: they were never in a file.</param>
/// <param name="Error">Root mean squared error of all quantised weights over that of the weights.</param>
/// <param name="Worst">The weight with the largest such error, and its error.</param>
internal sealed record QuantisationRecord(
    string Scheme, int Group, bool ActivationsPerToken, string Source, WeightsDigest? SourceWeights, double Error, (string Name, double Error) Worst)
{
    /// <summary>The file's name.</summary>
    public const string FileName = "quantization.json";

    /// <summary>Key and value of the weights' metadata that say a network must round activations per token: the weights themselves have to say it.</summary>
    public static readonly (string Key, string PerToken) Activations = ("activations", "token");

    private const int Schema = 1;
    private const int MaxGroup = 1 << 20;

    /// <summary>The record of a run.</summary>
    public static QuantisationRecord Of(
        QuantisationScheme scheme, string source, WeightsDigest? weights, IReadOnlyList<(PlannedWeight Weight, RoundingError Error)> errors)
    {
        var (total, worst) = (default(RoundingError), ("", 0.0));
        foreach (var (weight, error) in errors)
        {
            total = total.With(error);
            worst = error.Relative > worst.Item2 ? (weight.Name, error.Relative) : worst;
        }

        return new QuantisationRecord(scheme.Name, scheme.Group, scheme.ActivationsPerToken, source, weights, total.Relative, worst);
    }

    /// <summary>Reads the record of a model folder; null when there is none.</summary>
    /// <exception cref="CheckpointException">The file is damaged.</exception>
    public static QuantisationRecord? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path) ? JsonSection.ReadFile(path, Read) : null;
    }

    /// <summary>Writes the record with the error of every weight into a model folder.</summary>
    public void Write(string folder, IReadOnlyList<(PlannedWeight Weight, RoundingError Error)> errors)
    {
        ReplacedFile.Write(Path.Combine(folder, FileName), stream =>
        {
            using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
            {
                Write(json, errors);
            }

            stream.WriteByte((byte)'\n');
        });
    }

    /// <summary>Reads the root object.</summary>
    internal static QuantisationRecord Read(JsonSection root)
    {
        root.Int("schema", Schema, Schema);
        var (source, worst) = (root.Section("source") ?? throw root.Missing("source", "an object"), root.Section("worst") ?? throw root.Missing("worst", "an object"));
        return new QuantisationRecord(
            root.Text("scheme") ?? throw root.Missing("scheme", "a text"),
            root.Int("group", 1, MaxGroup),
            root.Text("activations") == Activations.PerToken,
            source.Text("name") ?? throw source.Missing("name", "a text"),
            Digest(source),
            root.Number("relativeError", 0, double.MaxValue),
            (worst.Text("name") ?? throw worst.Missing("name", "a text"), worst.Number("relativeError", 0, double.MaxValue)));
    }

    private static WeightsDigest? Digest(JsonSection source) => source.Text("weightsSha256") switch
    {
        null => null,
        { Length: 64 } hex when hex.All(char.IsAsciiHexDigitLower) => new WeightsDigest(hex, source.Flag("isSample") ?? false),
        var other => throw source.Error("weightsSha256", $"\"{Printable.Of(other)}\"", "64 hexadecimal digits in lower case are allowed"),
    };

    private void Write(Utf8JsonWriter json, IReadOnlyList<(PlannedWeight Weight, RoundingError Error)> errors)
    {
        json.WriteStartObject();
        json.WriteNumber("schema", Schema);
        json.WriteString("scheme", Scheme);
        json.WriteNumber("group", Group);
        json.WriteString("activations", ActivationsPerToken ? Activations.PerToken : "block");
        json.WriteStartObject("source");
        json.WriteString("name", Source);
        json.WriteString("weightsSha256", SourceWeights?.Hex);
        json.WriteBoolean("isSample", SourceWeights?.IsSample ?? false);
        json.WriteEndObject();
        json.WriteNumber("relativeError", Error);
        json.WriteStartObject("worst");
        json.WriteString("name", Worst.Name);
        json.WriteNumber("relativeError", Worst.Error);
        json.WriteEndObject();
        json.WriteStartArray("tensors");
        foreach (var (weight, error) in errors)
        {
            json.WriteStartObject();
            json.WriteString("name", weight.Name);
            json.WriteString("format", FormatName(weight.Format));
            json.WriteNumber("relativeError", error.Relative);
            json.WriteNumber("largestError", error.Largest);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>int8 or int4.</summary>
    public static string FormatName(NumberFormat format) => format switch
    {
        NumberFormat.Int8 => "int8",
        NumberFormat.Int4 => "int4",
        _ => "kept",
    };
}
