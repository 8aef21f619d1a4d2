using System.Text.Json;

namespace GuardSharp.Checkpoints;

/// <summary>Reads vision_config of mllama.</summary>
internal static class MllamaVisionConfigReader
{
    private const int MaxWidth = 1 << 20;
    private const int MaxLayers = 1024;
    // Pixels of a tile's side; published models have 560.
    private const int MaxImageSize = 8192;
    private const int MaxTilesOfAPicture = 64;

    /// <summary>Reads the section.</summary>
    /// <param name="vision">vision_config.</param>
    /// <param name="withoutEffect">Keys that change nothing.</param>
    public static MllamaVisionConfig Read(JsonSection vision, string[] withoutEffect)
    {
        vision.Require("model_type", "mllama_vision_model");
        vision.Require("hidden_act", "gelu");
        vision.Ignore(withoutEffect);
        vision.Ignore("attention_dropout", "projector_hidden_act");
        var layers = vision.OptionalInt("num_hidden_layers", 1, MaxLayers) ?? 32;
        var tiles = vision.OptionalInt("max_num_tiles", 1, MaxTilesOfAPicture) ?? 4;
        return Check(vision, new MllamaVisionConfig
        {
            HiddenSize = vision.OptionalInt("hidden_size", 1, MaxWidth) ?? 1280,
            LocalLayers = layers,
            GlobalLayers = vision.OptionalInt("num_global_layers", 0, MaxLayers) ?? 8,
            Heads = Heads(vision),
            FeedForwardSize = vision.OptionalInt("intermediate_size", 1, MaxWidth) ?? 5120,
            NormEpsilon = (float)(vision.OptionalNumber("norm_eps", 0, 1) ?? 1e-5),
            ImageSize = vision.OptionalInt("image_size", 1, MaxImageSize) ?? 448,
            PatchSize = vision.OptionalInt("patch_size", 1, MaxImageSize) ?? 14,
            Channels = vision.OptionalInt("num_channels", 3, 3) ?? 3,
            MaxTiles = tiles,
            IntermediateLayers = MllamaConfigReader.Rising(vision, "intermediate_layers_indices", layers, [3, 7, 15, 23, 30]),
            Grids = Grids(vision, tiles),
        });
    }

    // The published key is attention_heads (note M11).
    private static int Heads(JsonSection vision)
    {
        var (own, other) = (vision.OptionalInt("attention_heads", 1, MaxWidth), vision.OptionalInt("num_attention_heads", 1, MaxWidth));
        return own is null || other is null || own == other
            ? own ?? other ?? 16
            : throw vision.Error("num_attention_heads", $"{other}", $"attention_heads is {own}; keep one of them");
    }

    private static List<(int Rows, int Columns)> Grids(JsonSection vision, int maxTiles)
    {
        if (!vision.TryGet("supported_aspect_ratios", out var list))
        {
            return AllGrids(maxTiles);
        }

        var grids = new List<(int Rows, int Columns)>();
        var allowed = $"a list of [tiles high, tiles wide] of at most {maxTiles} tiles is needed";
        if (list.ValueKind != JsonValueKind.Array)
        {
            throw vision.Error("supported_aspect_ratios", Printable.Of(list.GetRawText()), allowed);
        }

        foreach (var pair in list.EnumerateArray())
        {
            var isGrid = pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2
                && pair[0].ValueKind == JsonValueKind.Number && pair[1].ValueKind == JsonValueKind.Number
                && pair[0].TryGetInt32(out var high) && pair[1].TryGetInt32(out var wide)
                && high >= 1 && wide >= 1 && (long)high * wide <= maxTiles;
            var grid = isGrid ? (pair[0].GetInt32(), pair[1].GetInt32())
                : throw vision.Error("supported_aspect_ratios", Printable.Of(pair.GetRawText()), allowed);
            if (grids.Contains(grid))
            {
                throw vision.Error("supported_aspect_ratios", Printable.Of(pair.GetRawText()), "every grid may stand once, for its place is its id");
            }

            grids.Add(grid);
        }

        // The preprocessing computes the list from the number of tiles; another order would give a picture another id than the weights know.
        return grids.SequenceEqual(AllGrids(maxTiles)) ? grids : throw vision.Error(
            "supported_aspect_ratios", Printable.Of(list.GetRawText()), $"all grids of at most {maxTiles} tiles are needed, by height and then width");
    }

    private static List<(int Rows, int Columns)> AllGrids(int maxTiles)
    {
        var grids = new List<(int, int)>();
        for (var high = 1; high <= maxTiles; high++)
        {
            for (var wide = 1; high * wide <= maxTiles; wide++)
            {
                grids.Add((high, wide));
            }
        }

        return grids;
    }

    private static MllamaVisionConfig Check(JsonSection section, MllamaVisionConfig vision)
    {
        if (vision.HiddenSize % vision.Heads != 0)
        {
            throw section.Error("attention_heads", $"{vision.Heads}", $"it must divide hidden_size, {vision.HiddenSize}");
        }

        if (section.OptionalInt("vision_output_dim", 1, MaxWidth) is { } output && output != vision.OutputSize)
        {
            throw section.Error("vision_output_dim", $"{output}",
                $"it must be hidden_size times one more than the intermediate layers, {vision.OutputSize}");
        }

        return vision.ImageSize % vision.PatchSize == 0 ? vision : throw section.Error(
            "image_size", $"{vision.ImageSize}", $"it must be a whole number of patches of {vision.PatchSize} pixels");
    }
}
