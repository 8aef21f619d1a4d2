using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>run.json: which guard judges which rows into a folder.</summary>
internal sealed class RunFile
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "run.json";

    private readonly JsonObject _content;

    private RunFile(JsonObject content, long rows) => (_content, Rows) = (content, rows);

    /// <summary>Rows of the labelled file.</summary>
    public long Rows { get; }

    /// <summary>Reads a labelled file to its end: every row is checked before the first is judged, its pictures included.</summary>
    /// <exception cref="GuardException">A row is not in the schema, or an id comes twice.</exception>
    public static RunFile Of(string samplesPath, GuardIdentity guard, bool lastImage, CancellationToken cancellationToken)
    {
        var places = new Dictionary<string, string>(StringComparer.Ordinal);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var sample in SampleReader.Read(samplesPath, labelled: true))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!places.TryAdd(sample.Id, sample.Place))
            {
                throw new SampleFileException($"{sample.Place}: the id of {places[sample.Id]} comes again. Predictions are kept by id: give every row its own.");
            }

            foreach (var image in sample.Conversation.Turns.SelectMany(turn => turn.Parts).OfType<ImagePart>())
            {
                hash.AppendData(image.Data.Span);
            }
        }

        if (places.Count == 0)
        {
            throw new SampleFileException($"{samplesPath}: the file holds no rows.");
        }

        using (var file = File.OpenRead(samplesPath))
        {
            hash.AppendData(SHA256.HashData(file));
        }

        return new RunFile(
            new JsonObject
            {
                ["schema"] = 1,
                ["model"] = guard.Model,
                ["policy"] = guard.Policy,
                ["threshold"] = guard.Threshold,
                ["settings"] = new JsonObject(guard.Settings.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
                ["lastImage"] = lastImage,
                ["rows"] = places.Count,
                ["data"] = Convert.ToHexStringLower(hash.GetHashAndReset()),
                ["path"] = Path.GetFullPath(samplesPath),
            },
            places.Count);
    }

    /// <summary>The labelled file that a folder's predictions are about; null where the folder does not say.</summary>
    public static string? SamplesOf(string folder) =>
        File.Exists(Path.Combine(folder, FileName)) ? Read(folder)["path"]?.GetValue<string>() : null;

    /// <summary>Whether the folder holds a run; an error where it is another than this one.</summary>
    /// <exception cref="SampleFileException">Another guard, policy, threshold, setting or other rows.</exception>
    public bool IsIn(string folder)
    {
        if (!File.Exists(Path.Combine(folder, FileName)))
        {
            return false;
        }

        var earlier = Read(folder);
        foreach (var (name, value) in _content.Where(pair => pair.Key != "path"))
        {
            if (!JsonNode.DeepEquals(value, earlier[name]))
            {
                throw new SampleFileException(
                    $"{folder}: the folder holds a run whose {Words(name)} is {Show(earlier[name])}, and here it is {Show(value)}. Name another folder, or start anew with --fresh.");
            }
        }

        return true;
    }

    /// <summary>Writes the file.</summary>
    public void WriteTo(string folder)
    {
        using var file = new PendingFile(Path.Combine(folder, FileName));
        using (var json = new Utf8JsonWriter(file.Stream, new JsonWriterOptions { Indented = true }))
        {
            _content.WriteTo(json);
        }

        file.Stream.WriteByte((byte)'\n');
        file.Commit();
    }

    private static JsonObject Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new JsonException("no object");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new SampleFileException($"{path}: not the description of a run: {error.Message}. Name another folder, or start anew with --fresh.", error);
        }
    }

    private static string Words(string name) => name switch { "data" => "data hash", "lastImage" => "last-image protocol", "rows" => "number of rows", _ => name };

    private static string Show(JsonNode? value) => value is null ? "nothing" : string.Create(CultureInfo.InvariantCulture, $"{value.ToJsonString()}");
}
