using GuardSharp.Imaging;

namespace GuardSharp.Lab.Attacks.Pixels;

/// <summary>What a preprocessor makes of pictures of one size, with the way of gradients back from the tiles to the pixels of the file.</summary>
/// <remarks>
/// <see cref="Forward"/> is the preprocessor itself, so every byte is that of inference. <see cref="Smooth"/> is the same without any rounding: linear in
/// the pixels. <see cref="Backward"/> is its transposed map, that is the gradient with rounding and clipping taken for the identity.
/// </remarks>
internal sealed class PixelMap
{
    private readonly IImageProcessor _processor;
    private readonly int _side;
    private readonly IReadOnlyList<TilePlace> _tiles;
    private readonly TileValues _values;

    private PixelMap(IImageProcessor processor, int side, IReadOnlyList<TilePlace> tiles) =>
        (_processor, _side, _tiles, _values) = (processor, side, tiles, TileValues.Of(processor));

    /// <summary>The map of a preprocessor for pictures of a size in pixels.</summary>
    /// <exception cref="GuardException">The preprocessor is of a kind that has no map.</exception>
    public static PixelMap Of(IImageProcessor processor, int width, int height)
    {
        switch (processor)
        {
            case Llama4ImageProcessor llama4:
                var canvas = llama4.ChooseCanvas(width, height);
                var side = llama4.Settings.TileSize;
                var tiles = Grid(new PlaneResize(width, height, canvas.Width, canvas.Height), canvas.GridRows, canvas.GridColumns, side);
                if (canvas.HasGlobalTile)
                {
                    tiles.Add(new TilePlace(new PlaneResize(width, height, side, side), 0, 0));
                }

                return new PixelMap(processor, side, tiles);
            case MllamaImageProcessor mllama:
                var fit = mllama.ChooseCanvas(width, height);
                var tile = mllama.Settings.TileSize;
                return new PixelMap(processor, tile, Grid(new PlaneResize(width, height, fit.Width, fit.Height), fit.GridRows, fit.GridColumns, tile));
            default:
                throw TileValues.Unknown(processor);
        }
    }

    /// <summary>A picture without its alpha, as a preprocessor sees it: dropped for Llama Guard 4, over white for Llama Guard 3 Vision.</summary>
    public static PixelPlanes Flatten(IImageProcessor processor, RgbaImage image) =>
        PixelPlanes.Of(processor is MllamaImageProcessor ? MllamaImageProcessor.OnWhite(image) : image);

    /// <summary>The tiles of a picture: rounded to 8 bits, then the preprocessor itself.</summary>
    public TiledImage Forward(PixelPlanes picture) => _processor.Process(picture.Round());

    /// <summary>The tiles without any rounding, [tiles, 3, side, side]: what <see cref="Backward"/> differentiates.</summary>
    public float[] Smooth(PixelPlanes picture)
    {
        var tiles = new float[_tiles.Count * PixelPlanes.Channels * _side * _side];
        for (var channel = 0; channel < PixelPlanes.Channels; channel++)
        {
            foreach (var group in _tiles.Index().GroupBy(entry => entry.Item.Resize))
            {
                var plane = group.Key.Apply(picture.Values.AsSpan(channel * picture.Area, picture.Area));
                foreach (var (tile, place) in group)
                {
                    FillTile(plane, place, channel, TileOf(tiles, tile, channel));
                }
            }
        }

        return tiles;
    }

    /// <summary>The gradient of the pixels, of a gradient of the tiles.</summary>
    /// <param name="gradient">[tiles, 3, side, side].</param>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    /// <returns>[3, height, width], per unit of a byte.</returns>
    public float[] Backward(Span<float> gradient, int width, int height)
    {
        var area = width * height;
        var result = new float[PixelPlanes.Channels * area];
        for (var channel = 0; channel < PixelPlanes.Channels; channel++)
        {
            foreach (var group in _tiles.Index().GroupBy(entry => entry.Item.Resize))
            {
                var plane = new float[group.Key.Height * group.Key.Width];
                foreach (var (tile, place) in group)
                {
                    TakeTile(TileOf(gradient, tile, channel), place, _values.Level[channel], plane);
                }

                group.Key.AddTransposed(plane, result.AsSpan(channel * area, area));
            }
        }

        return result;
    }

    private static List<TilePlace> Grid(PlaneResize resize, int rows, int columns, int side) =>
        [.. Enumerable.Range(0, rows * columns).Select(tile => new TilePlace(resize, tile % columns * side, tile / columns * side))];

    private Span<float> TileOf(Span<float> tiles, int tile, int channel) => tiles.Slice(((tile * PixelPlanes.Channels) + channel) * _side * _side, _side * _side);

    // What lies right of and below the picture is byte 0.
    private void FillTile(float[] plane, TilePlace place, int channel, Span<float> tile)
    {
        var (black, level) = (_values.Black[channel], _values.Level[channel]);
        tile.Fill(black);
        for (var y = 0; y < Rows(place); y++)
        {
            for (var x = 0; x < Columns(place); x++)
            {
                tile[(y * _side) + x] += level * plane[((place.Top + y) * place.Resize.Width) + place.Left + x];
            }
        }
    }

    private void TakeTile(ReadOnlySpan<float> tile, TilePlace place, float scale, float[] plane)
    {
        for (var y = 0; y < Rows(place); y++)
        {
            for (var x = 0; x < Columns(place); x++)
            {
                plane[((place.Top + y) * place.Resize.Width) + place.Left + x] = scale * tile[(y * _side) + x];
            }
        }
    }

    private int Rows(TilePlace place) => Math.Clamp(place.Resize.Height - place.Top, 0, _side);

    private int Columns(TilePlace place) => Math.Clamp(place.Resize.Width - place.Left, 0, _side);

    /// <summary>Where a tile lies in which resized picture.</summary>
    private sealed record TilePlace(PlaneResize Resize, int Left, int Top);
}
