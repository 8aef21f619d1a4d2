namespace GuardSharp.Imaging;

/// <summary>Where a picture of some size goes: the grid of tiles and the picture's own size on it.</summary>
/// <param name="GridRows">Tiles from top to bottom.</param>
/// <param name="GridColumns">Tiles from left to right.</param>
/// <param name="Width">Width of the resized picture in pixels; the rest of the canvas to the right is padding.</param>
/// <param name="Height">Height of the resized picture in pixels; the rest of the canvas below is padding.</param>
internal readonly record struct Llama4Canvas(int GridRows, int GridColumns, int Width, int Height)
{
    /// <summary>True when the whole image, squeezed into one tile, follows the grid.</summary>
    public bool HasGlobalTile => GridRows * GridColumns > 1;

    /// <summary>Number of tiles, the global one included.</summary>
    public int Tiles => (GridRows * GridColumns) + (HasGlobalTile ? 1 : 0);
}

/// <summary>Chooses the canvas of a picture as transformers' Llama4ImageProcessorFast does.</summary>
/// <remarks>
/// Source: tests/golden/README.md, "Preprocessing, exact". The reference computes some scales in float32 (tensors) and some in double
/// (numbers of Python); both decide ties and floors, so both are kept.
/// </remarks>
internal sealed class Llama4CanvasChooser
{
    private readonly Llama4ImageSettings _settings;

    /// <summary>Prepares the allowed grids.</summary>
    public Llama4CanvasChooser(Llama4ImageSettings settings)
    {
        _settings = settings;
        Grids = AllowedGrids(settings.MaxTiles);
    }

    /// <summary>The allowed grids in the reference's order, which decides ties.</summary>
    public IReadOnlyList<(int Rows, int Columns)> Grids { get; }

    /// <summary>The canvas for a picture of a size in pixels.</summary>
    public Llama4Canvas Choose(int width, int height)
    {
        var (rows, columns) = ChooseGrid(width, height);
        var (down, across) = (Limit(height, rows * _settings.TileSize), Limit(width, columns * _settings.TileSize));
        // Compared in float32 once a tensor takes part, as PyTorch promotes numbers to the tensor's type.
        var isTensor = down.IsTensor || across.IsTensor;
        var acrossIsSmaller = isTensor ? (float)across.Scale < (float)down.Scale : across.Scale < down.Scale;
        return acrossIsSmaller
            ? new Llama4Canvas(rows, columns, across.Side, AtLeastOne(Math.Min(Scaled(height, across), down.Side)))
            : new Llama4Canvas(rows, columns, AtLeastOne(Math.Min(Scaled(width, down), across.Side)), down.Side);
    }

    // Grouped by aspect ratio, the ratios in the order in which counting down from the largest number of tiles first meets them.
    private static List<(int Rows, int Columns)> AllowedGrids(int maxTiles)
    {
        var ratios = new List<(double Ratio, List<(int Rows, int Columns)> Grids)>();
        for (var tiles = maxTiles; tiles >= 1; tiles--)
        {
            for (var rows = 1; rows <= tiles; rows++)
            {
                if (tiles % rows != 0)
                    continue;
                var ratio = (double)rows / (tiles / rows);
                var group = ratios.FindIndex(r => r.Ratio == ratio);
                if (group < 0)
                {
                    group = ratios.Count;
                    ratios.Add((ratio, []));
                }

                ratios[group].Grids.Add((rows, tiles / rows));
            }
        }

        return [.. ratios.SelectMany(r => r.Grids)];
    }

    // The smallest scale of at least 1, else the largest; among equals the smallest area, and among those the first.
    private (int Rows, int Columns) ChooseGrid(int width, int height)
    {
        var scales = Grids.Select(g => Math.Min(
            (float)(g.Columns * _settings.TileSize) / width,
            (float)(g.Rows * _settings.TileSize) / height)).ToArray();
        var enlarging = scales.Where(s => s >= 1).DefaultIfEmpty(0).ToArray();
        var chosen = enlarging[0] == 0 ? scales.Max() : _settings.ResizeToMaxCanvas ? enlarging.Max() : enlarging.Min();
        return Grids.Where((_, i) => scales[i] == chosen).MinBy(g => g.Rows * g.Columns);
    }

    // A picture is enlarged to a tile's side at most, unless it is to fill the canvas.
    private AxisLimit Limit(int side, int canvasSide)
    {
        var wanted = Math.Max(side, _settings.TileSize);
        return _settings.ResizeToMaxCanvas || canvasSide < wanted
            ? new AxisLimit(canvasSide, (float)canvasSide / side, true)
            : new AxisLimit(wanted, (double)wanted / side, false);
    }

    private static int Scaled(int side, AxisLimit limit) =>
        limit.IsTensor ? (int)MathF.Floor(side * (float)limit.Scale) : (int)Math.Floor(side * limit.Scale);

    private static int AtLeastOne(int side) => Math.Max(side, 1);

    private readonly record struct AxisLimit(int Side, double Scale, bool IsTensor);
}
