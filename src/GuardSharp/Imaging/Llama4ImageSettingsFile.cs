namespace GuardSharp.Imaging;

/// <summary>Reads <see cref="Llama4ImageSettings"/> from a model folder's preprocessor_config.json or processor_config.json.</summary>
/// <remarks>Every key that changes the tiles is honoured, or is an error when its value is one we do not compute.</remarks>
internal static class Llama4ImageSettingsFile
{
    private static readonly float[] Half = [0.5f, 0.5f, 0.5f];

    /// <summary>The settings of a model folder; without such a file, the defaults with the tile size of the vision encoder.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="visionImageSize">vision_config.image_size of config.json, in pixels; the tile size must equal it.</param>
    /// <exception cref="CheckpointException">A file that is no JSON, or asks for what this library does not compute.</exception>
    public static Llama4ImageSettings Read(string folder, int visionImageSize) =>
        ImageSettingsReader.ReadFolder(folder, "Llama 4", reader => Read(reader, visionImageSize)) ?? new Llama4ImageSettings { TileSize = visionImageSize };

    /// <summary>The settings in the bytes of one such file.</summary>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="json">Its content. Settings lie at the top (preprocessor_config.json) or under "image_processor" (processor_config.json).</param>
    /// <param name="visionImageSize">vision_config.image_size in pixels.</param>
    /// <exception cref="CheckpointException">As for <see cref="Read(string, int)"/>.</exception>
    public static Llama4ImageSettings Parse(string file, ReadOnlyMemory<byte> json, int visionImageSize) =>
        ImageSettingsReader.Parse(file, json, "Llama 4", reader => Read(reader, visionImageSize));

    private static Llama4ImageSettings Read(ImageSettingsReader reader, int visionImageSize)
    {
        reader.RequireSteps("do_resize", "do_rescale", "do_normalize", "do_convert_rgb");
        reader.Require("do_center_crop", reader.Bool("do_center_crop", false), false);
        return new Llama4ImageSettings
        {
            TileSize = reader.TileSize(visionImageSize),
            MaxTiles = reader.Whole("max_patches", 16, 1, 1024),
            Mean = reader.Channels("image_mean", Half, mayBeZero: true),
            StandardDeviation = reader.Channels("image_std", Half, mayBeZero: false),
            ResizeToMaxCanvas = reader.Bool("resize_to_max_canvas", false),
        };
    }
}
