namespace GuardSharp.Imaging;

/// <summary>Turns a picture into the tiles that Llama 4 takes: canvas, resize, padding, tiles, global tile, normalisation.</summary>
/// <remarks>
/// Safe from any thread. Alpha is dropped, not composited, as the reference's convert("RGB") does: what a transparent pixel's colours
/// spell is judged. Source: tests/golden/README.md, "Preprocessing, exact" and L11.
/// </remarks>
internal sealed class Llama4ImageProcessor(Llama4ImageSettings settings) : IImageProcessor
{
    // Made with the first picture: a process that judges text alone starts without them.
    private readonly Lazy<Llama4CanvasChooser> _chooser = new(() => new Llama4CanvasChooser(settings));
    private readonly Lazy<PixelNormalisation> _normalisation = new(() => new PixelNormalisation(settings));

    /// <summary>The settings it works by.</summary>
    public Llama4ImageSettings Settings { get; } = settings;

    /// <summary>Where a picture of a size goes; enough to count its tokens without decoding it.</summary>
    public Llama4Canvas ChooseCanvas(int width, int height) => _chooser.Value.Choose(width, height);

    /// <summary>The tiles of a picture, normalised.</summary>
    public TiledImage Process(RgbaImage image)
    {
        var side = Settings.TileSize;
        var canvas = ChooseCanvas(image.Width, image.Height);
        var pixels = GC.AllocateUninitializedArray<float>(canvas.Tiles * 3 * side * side);
        var resized = Resampler.Resize(image, canvas.Width, canvas.Height);
        for (var tile = 0; tile < canvas.GridRows * canvas.GridColumns; tile++)
        {
            var (row, column) = Math.DivRem(tile, canvas.GridColumns);
            TileCutter.Fill(resized, column * side, row * side, side, _normalisation.Value, TileOf(pixels, tile));
        }

        if (canvas.HasGlobalTile)
            TileCutter.Fill(GlobalTile(image), 0, 0, side, _normalisation.Value, TileOf(pixels, canvas.Tiles - 1));
        return new TiledImage(pixels, side, canvas.GridRows, canvas.GridColumns, canvas.HasGlobalTile);
    }

    /// <summary>The whole picture squeezed into one tile; its aspect is not kept.</summary>
    public RgbaImage GlobalTile(RgbaImage image) => Resampler.Resize(image, Settings.TileSize, Settings.TileSize);

    private Span<float> TileOf(float[] pixels, int tile)
    {
        var length = 3 * Settings.TileSize * Settings.TileSize;
        return pixels.AsSpan(tile * length, length);
    }
}
