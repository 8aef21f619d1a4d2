namespace GuardSharp.Imaging;

/// <summary>Where a picture of some size goes: the grid of tiles and the picture's own size on it.</summary>
/// <param name="GridRows">Tiles from top to bottom.</param>
/// <param name="GridColumns">Tiles from left to right.</param>
/// <param name="Width">Width of the resized picture in pixels; the rest of the canvas to the right is padding.</param>
/// <param name="Height">Height of the resized picture in pixels; the rest of the canvas below is padding.</param>
internal readonly record struct MllamaCanvas(int GridRows, int GridColumns, int Width, int Height);

/// <summary>Chooses the canvas of a picture as transformers' MllamaImageProcessor does, in double as there.</summary>
/// <remarks>Source: tests/golden/README.md, "Preprocessing, exact", Mllama.</remarks>
internal sealed class MllamaCanvasChooser(MllamaImageSettings settings)
{
    /// <summary>The allowed grids in the reference's order, which is that of their ids (model note M7) and decides ties.</summary>
    public IReadOnlyList<(int Rows, int Columns)> Grids { get; } = [.. AllGrids(settings.MaxTiles)];

    /// <summary>The canvas for a picture of a size in pixels.</summary>
    public MllamaCanvas Choose(int width, int height)
    {
        var side = settings.TileSize;
        var scales = Grids.Select(grid => Math.Min((double)(grid.Rows * side) / height, (double)(grid.Columns * side) / width)).ToArray();
        // The least enlargement, else the least shrinking; among equals the smallest area, and among those the first.
        var enlarging = scales.Where(scale => scale >= 1).ToArray();
        var chosen = enlarging.Length > 0 ? enlarging.Min() : scales.Max();
        var (rows, columns) = Grids.Where((_, i) => scales[i] == chosen).MinBy(grid => grid.Rows * grid.Columns);
        var (down, across) = (Math.Clamp(height, side, rows * side), Math.Clamp(width, side, columns * side));
        var (scaleDown, scaleAcross) = ((double)down / height, (double)across / width);
        return scaleAcross < scaleDown
            ? new MllamaCanvas(rows, columns, across, Math.Min(Math.Max((int)Math.Floor(height * scaleAcross), 1), down))
            : new MllamaCanvas(rows, columns, Math.Min(Math.Max((int)Math.Floor(width * scaleDown), 1), across), down);
    }

    private static IEnumerable<(int Rows, int Columns)> AllGrids(int maxTiles)
    {
        for (var rows = 1; rows <= maxTiles; rows++)
        {
            for (var columns = 1; rows * columns <= maxTiles; columns++)
                yield return (rows, columns);
        }
    }
}
