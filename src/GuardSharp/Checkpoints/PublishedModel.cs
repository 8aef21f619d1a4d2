using System.Text.Json;
using System.Text.Json.Nodes;

namespace GuardSharp.Checkpoints;

/// <summary>A published size of the family: its configuration without its weights.</summary>
/// <remarks>Dimensions: tests/golden/README.md, "REAL MODEL DIMENSIONS"; what is marked U there is from Meta's conversion scripts. A real folder's own config.json always decides.</remarks>
/// <param name="Name">A short name, such as <c>guard-3-1b</c>.</param>
/// <param name="Repository">Where the weights are published.</param>
/// <param name="Purpose">What it is for, in a few words.</param>
/// <param name="Codes">Number of hazard categories it was trained on: S1 to S13 or S14.</param>
/// <param name="MaxImages">Most images of a conversation.</param>
internal sealed record PublishedModel(string Name, string Repository, string Purpose, int Codes, int MaxImages)
{
    // The deepest local encoder state that mllama's projector reads needs this many layers.
    private const int FewestMllamaVisionLayers = 5;

    private static readonly string[] _files = [ModelConfig.FileName, "generation_config.json", "preprocessor_config.json"];

    /// <summary>All of them, the strongest first.</summary>
    public static IReadOnlyList<PublishedModel> All =>
    [
        new("guard-4-12b", "meta-llama/Llama-Guard-4-12B", "text and several images, S1 to S14; the strongest", 14, 5),
        new("guard-3-11b-vision", "meta-llama/Llama-Guard-3-11B-Vision", "one image with its text, S1 to S13; not meant for text alone", 13, 1),
        new("guard-3-8b", "meta-llama/Llama-Guard-3-8B", "text in eight languages, S1 to S14", 14, 0),
        new("guard-3-1b", "meta-llama/Llama-Guard-3-1B", "text, S1 to S13; small and fast", 13, 0),
    ];

    /// <summary>Finds a size by its name or its repository.</summary>
    /// <exception cref="CheckpointException">There is none of that name.</exception>
    public static PublishedModel Find(string name) =>
        All.FirstOrDefault(model => string.Equals(model.Name, name, StringComparison.OrdinalIgnoreCase) || string.Equals(model.Repository, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new CheckpointException($"\"{Printable.Of(name)}\" is no published size; there are {string.Join(", ", All.Select(model => model.Name))}.");

    /// <summary>The files of its folder that are neither weights nor tokenizer: config.json first.</summary>
    /// <param name="textLayers">Layers of the language model; null: all.</param>
    /// <param name="visionLayers">Layers of the vision encoder; null: all.</param>
    /// <exception cref="CheckpointException">More layers than the published model has, or fewer than its parts need.</exception>
    public IEnumerable<(string FileName, byte[] Content)> Files(int? textLayers = null, int? visionLayers = null)
    {
        foreach (var file in _files)
        {
            if (Resource(file) is { } content)
            {
                yield return (file, file == ModelConfig.FileName ? Slice(content, textLayers, visionLayers) : content);
            }
        }
    }

    /// <summary>The configuration as a loader reads it.</summary>
    public IModelConfig Config(int? textLayers = null, int? visionLayers = null) =>
        ModelConfig.Parse(ModelConfig.FileName, Files(textLayers, visionLayers).First().Content);

    private byte[]? Resource(string file)
    {
        using var stream = typeof(PublishedModel).Assembly.GetManifestResourceStream($"Published/{Name}/{file}");
        if (stream is null)
        {
            return null;
        }

        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    // The width of everything stays; only whole layers go.
    private byte[] Slice(byte[] json, int? textLayers, int? visionLayers)
    {
        if (textLayers is null && visionLayers is null)
        {
            return json;
        }

        var root = JsonNode.Parse(json)!.AsObject();
        if (textLayers is { } text)
        {
            SliceText(root["text_config"]?.AsObject() ?? root, text);
        }

        if (visionLayers is { } vision)
        {
            SliceVision(root["vision_config"]?.AsObject() ?? throw new CheckpointException($"{Name} has no vision encoder, so its layers cannot be chosen."), vision);
        }

        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            root.WriteTo(writer);
        }

        return buffer.ToArray();
    }

    private void SliceText(JsonObject text, int layers)
    {
        CheckLayers(text, layers, 1, "text");
        text["num_hidden_layers"] = layers;
        if (text["no_rope_layers"] is JsonArray rope)
        {
            text["no_rope_layers"] = Numbers([.. Integers(rope)[..layers]]);
        }

        if (text["cross_attention_layers"] is JsonArray cross)
        {
            // Without a layer that reads it, a picture would change nothing.
            int[] kept = [.. Integers(cross).Where(layer => layer < layers)];
            text["cross_attention_layers"] = Numbers(kept.Length > 0 ? kept : [layers - 1]);
        }
    }

    private void SliceVision(JsonObject vision, int layers)
    {
        CheckLayers(vision, layers, vision.ContainsKey("intermediate_layers_indices") ? FewestMllamaVisionLayers : 1, "vision");
        vision["num_hidden_layers"] = layers;
        if (vision["intermediate_layers_indices"] is JsonArray list && Integers(list) is var indices && indices[^1] >= layers)
        {
            // As many states as before, so that the projector keeps its width.
            vision["intermediate_layers_indices"] = Numbers([.. Enumerable.Range(0, indices.Length).Select(i => i * layers / indices.Length)]);
            vision["num_global_layers"] = Math.Min((int)vision["num_global_layers"]!, layers);
        }
    }

    private void CheckLayers(JsonObject section, int layers, int fewest, string which)
    {
        var most = (int)section["num_hidden_layers"]!;
        if (layers < fewest || layers > most)
        {
            throw new CheckpointException($"{layers} {which} layers were asked for; {Name} can be cut to {fewest} up to its {most}.");
        }
    }

    private static int[] Integers(JsonArray list) => [.. list.Select(item => (int)item!)];

    private static JsonArray Numbers(int[] values)
    {
        var list = new JsonArray();
        foreach (var value in values)
        {
            list.Add((JsonNode)value);
        }

        return list;
    }
}
