using System.Text.Json;

namespace GuardSharp.Checkpoints;

/// <summary>Which file of a checkpoint holds which tensors: one file, or shards and their index.</summary>
/// <param name="Shards">The tensors of each file.</param>
internal sealed record ShardPlan(IReadOnlyList<IReadOnlyList<TensorPlan>> Shards)
{
    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => Shards.Sum(shard => shard.Sum(BytesOf));

    /// <summary>Fills files with tensors in the given order.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="shardBytes">Most bytes of a file; a larger tensor has a file of its own.</param>
    public static ShardPlan Of(IEnumerable<TensorPlan> tensors, long shardBytes)
    {
        var shards = new List<List<TensorPlan>>();
        var room = 0L;
        foreach (var tensor in tensors)
        {
            if (shards.Count == 0 || BytesOf(tensor) > room)
            {
                shards.Add([]);
                room = shardBytes;
            }

            shards[^1].Add(tensor);
            room -= BytesOf(tensor);
        }

        return new ShardPlan(shards);
    }

    /// <summary>Bytes of a tensor's data.</summary>
    public static long BytesOf(TensorPlan tensor) => TensorTypes.Bytes(tensor.Type, tensor.Shape);

    /// <summary>The name of a file.</summary>
    public string FileName(int shard) =>
        Shards.Count == 1 ? Checkpoint.SingleFileName : $"model-{shard + 1:D5}-of-{Shards.Count:D5}.safetensors";

    /// <summary>Writes the index where there is more than one file.</summary>
    public void WriteIndex(string folder)
    {
        if (Shards.Count > 1)
        {
            ReplacedFile.Write(Path.Combine(folder, ShardIndex.FileName), WriteIndex);
        }
    }

    private void WriteIndex(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", Bytes);
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        for (var i = 0; i < Shards.Count; i++)
        {
            foreach (var tensor in Shards[i])
            {
                json.WriteString(tensor.Name, FileName(i));
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
