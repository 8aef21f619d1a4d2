using System.Text.Json;

namespace GuardSharp.Checkpoints;

/// <summary>model.safetensors.index.json: which shard holds which tensor.</summary>
internal static class ShardIndex
{
    /// <summary>The file's name.</summary>
    public const string FileName = "model.safetensors.index.json";

    /// <summary>Reads the index.</summary>
    /// <returns>Tensor name to shard file name.</returns>
    /// <exception cref="CheckpointException">The file is damaged, or names a shard outside its own folder.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path) => JsonSection.ReadFile(path, Read);

    /// <summary>Reads the root object of the index.</summary>
    internal static IReadOnlyDictionary<string, string> Read(JsonSection root)
    {
        var map = root.Section("weight_map")
            ?? throw new CheckpointException($"{root.File}: \"weight_map\" is missing, so no tensor has a shard. Download the file again.");
        var shards = new Dictionary<string, string>();
        foreach (var entry in map.Entries)
        {
            var (name, value) = (entry.Name, entry.Value);
            var shard = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
            // A shard's name comes from a file of strangers: it must not lead out of the folder.
            if (!shard.EndsWith(".safetensors", StringComparison.Ordinal) || shard.AsSpan().IndexOfAny("/\\:\0") >= 0)
            {
                throw new CheckpointException($"{root.File}: tensor \"{Printable.Of(name)}\" is in \"{Printable.Of(shard)}\", "
                    + "but a shard is a file of the same folder named *.safetensors.");
            }

            shards.Add(name, shard);
        }

        return shards;
    }
}
