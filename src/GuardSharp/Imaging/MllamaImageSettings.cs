namespace GuardSharp.Imaging;

/// <summary>How pictures become tiles for Llama Guard 3 Vision. The defaults are the published ones.</summary>
internal sealed record MllamaImageSettings
{
    /// <summary>Side of a tile in pixels, at least 1.</summary>
    public int TileSize { get; init; } = 560;

    /// <summary>Most tiles of a picture, at least 1.</summary>
    public int MaxTiles { get; init; } = 4;

    /// <summary>Subtracted from each channel of [0, 1]: red, green, blue. CLIP's (arXiv:2103.00020).</summary>
    public IReadOnlyList<float> Mean { get; init; } = [0.48145466f, 0.4578275f, 0.40821073f];

    /// <summary>Each channel is divided by it, after the mean: red, green, blue; not 0. CLIP's.</summary>
    public IReadOnlyList<float> StandardDeviation { get; init; } = [0.26862954f, 0.26130258f, 0.27577711f];
}

/// <summary>Reads <see cref="MllamaImageSettings"/> from a model folder's preprocessor_config.json or processor_config.json.</summary>
/// <remarks>Every key that changes the tiles is honoured, or is an error when its value is one we do not compute.</remarks>
internal static class MllamaImageSettingsFile
{
    private const string Family = "Llama Guard 3 Vision";

    /// <summary>The settings of a model folder; without such a file, the defaults with the sizes of the vision encoder.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="visionImageSize">vision_config.image_size of config.json, in pixels; the tile size must equal it.</param>
    /// <param name="maxTiles">vision_config.max_num_tiles; max_image_tiles must equal it.</param>
    /// <exception cref="CheckpointException">A file that is no JSON, or asks for what this library does not compute.</exception>
    public static MllamaImageSettings Read(string folder, int visionImageSize, int maxTiles) =>
        ImageSettingsReader.ReadFolder(folder, Family, reader => Read(reader, visionImageSize, maxTiles))
        ?? new MllamaImageSettings { TileSize = visionImageSize, MaxTiles = maxTiles };

    /// <summary>The settings in the bytes of one such file.</summary>
    public static MllamaImageSettings Parse(string file, ReadOnlyMemory<byte> json, int visionImageSize, int maxTiles) =>
        ImageSettingsReader.Parse(file, json, Family, reader => Read(reader, visionImageSize, maxTiles));

    private static MllamaImageSettings Read(ImageSettingsReader reader, int visionImageSize, int maxTiles)
    {
        var defaults = new MllamaImageSettings();
        reader.RequireSteps("do_resize", "do_rescale", "do_normalize", "do_convert_rgb", "do_pad");
        reader.Require("max_image_tiles", reader.Whole("max_image_tiles", maxTiles, 1, 1024), maxTiles);
        return new MllamaImageSettings
        {
            TileSize = reader.TileSize(visionImageSize),
            MaxTiles = maxTiles,
            Mean = reader.Channels("image_mean", [.. defaults.Mean], mayBeZero: true),
            StandardDeviation = reader.Channels("image_std", [.. defaults.StandardDeviation], mayBeZero: false),
        };
    }
}
