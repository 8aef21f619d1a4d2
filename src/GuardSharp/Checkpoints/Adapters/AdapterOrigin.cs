using System.Text.Json;
using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints.Adapters;

/// <summary>guardsharp-base.json beside an adapter: the weights it was trained on. PEFT knows no such file; an adapter without it fits whatever has its shapes.</summary>
/// <param name="Name">The base's name.</param>
/// <param name="Weights">What tells its weights from others.</param>
internal sealed record AdapterOrigin(string Name, WeightsDigest Weights)
{
    /// <summary>The file's name.</summary>
    public const string FileName = "guardsharp-base.json";

    private const int Schema = 1;

    /// <summary>The origin of an adapter that is trained on an open checkpoint.</summary>
    public static AdapterOrigin Of(Checkpoint checkpoint)
    {
        var manifest = GuardManifest.Read(checkpoint.Folder);
        return new AdapterOrigin(manifest?.Name ?? ModelConfig.NameOf(checkpoint.Folder), checkpoint.Digest.OrRecorded(manifest));
    }

    /// <summary>Reads the file of an adapter's folder; null when there is none.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public static AdapterOrigin? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path) ? JsonSection.ReadFile(path, Read) : null;
    }

    /// <summary>Writes the file into an adapter's folder.</summary>
    public void Write(string folder) => ReplacedFile.Write(Path.Combine(folder, FileName), stream =>
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("schema", Schema);
            json.WriteString("name", Name);
            json.WriteString("weightsSha256", Weights.Hex);
            json.WriteBoolean("isSample", Weights.IsSample);
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
    });

    /// <summary>Refuses a base with other weights. What <c>quantize</c> made of the same weights passes.</summary>
    /// <exception cref="CheckpointException">The adapter was trained on another base.</exception>
    public void Require(Checkpoint checkpoint)
    {
        var own = checkpoint.Digest;
        if (own != Weights && own.OrRecorded(GuardManifest.Read(checkpoint.Folder)) != Weights && QuantisationRecord.Read(checkpoint.Folder)?.SourceWeights != Weights)
        {
            throw new CheckpointException(
                $"The adapter was trained on {Printable.Of(Name)} with the weights {Weights.Short}, but {Printable.Of(checkpoint.Folder)} holds {own.Short}. Use that base or what guardsharp quantize made of it; where the same weights only lie in other files, remove {FileName} from the adapter's folder.");
        }
    }

    private static AdapterOrigin Read(JsonSection root)
    {
        root.Int("schema", Schema, Schema);
        return new AdapterOrigin(
            root.Text("name") ?? throw root.Missing("name", "a text"),
            root.Text("weightsSha256") is { Length: 64 } hex && hex.All(char.IsAsciiHexDigitLower)
                ? new WeightsDigest(hex, root.Flag("isSample") ?? false)
                : throw root.Missing("weightsSha256", "64 hexadecimal digits in lower case"));
    }
}
