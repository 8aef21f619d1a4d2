using System.Runtime.InteropServices;

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
            FillTile(resized, column * side, row * side, TileOf(pixels, tile));
        }

        if (canvas.HasGlobalTile)
            FillTile(GlobalTile(image), 0, 0, TileOf(pixels, canvas.Tiles - 1));
        return new TiledImage(pixels, side, canvas.GridRows, canvas.GridColumns, canvas.HasGlobalTile);
    }

    /// <summary>The whole picture squeezed into one tile; its aspect is not kept.</summary>
    public RgbaImage GlobalTile(RgbaImage image) => Resampler.Resize(image, Settings.TileSize, Settings.TileSize);

    private Span<float> TileOf(float[] pixels, int tile)
    {
        var length = 3 * Settings.TileSize * Settings.TileSize;
        return pixels.AsSpan(tile * length, length);
    }

    // tile: [3, side, side]. What lies right of and below the picture is byte 0 before normalisation.
    private void FillTile(RgbaImage image, int left, int top, Span<float> tile)
    {
        var side = Settings.TileSize;
        var source = MemoryMarshal.Cast<byte, uint>(image.Pixels);
        var width = Math.Clamp(image.Width - left, 0, side);
        var height = Math.Clamp(image.Height - top, 0, side);
        for (var y = 0; y < height; y++)
        {
            var row = source.Slice(((top + y) * image.Width) + left, width);
            for (var channel = 0; channel < 3; channel++)
            {
                var target = tile.Slice(((channel * side) + y) * side, side);
                _normalisation.Value.Apply(row, channel, target);
                target[width..].Fill(_normalisation.Value.Padding(channel));
            }
        }

        for (var channel = 0; channel < 3; channel++)
            tile.Slice(((channel * side) + height) * side, (side - height) * side).Fill(_normalisation.Value.Padding(channel));
    }
}
