namespace GuardSharp.Imaging;

/// <summary>An image as the network takes it.</summary>
/// <param name="Pixels">Normalised values [Tiles, 3, TileSize, TileSize], row-major: the grid's tiles row by row, then the global tile if there is one.</param>
/// <param name="TileSize">Side of a tile in pixels.</param>
/// <param name="GridRows">Tiles from top to bottom.</param>
/// <param name="GridColumns">Tiles from left to right.</param>
/// <param name="HasGlobalTile">True when the whole image, squeezed into one tile, follows the grid (grids of more than one tile).</param>
internal sealed record TiledImage(float[] Pixels, int TileSize, int GridRows, int GridColumns, bool HasGlobalTile)
{
    /// <summary>Number of tiles, the global one included.</summary>
    public int Tiles => (GridRows * GridColumns) + (HasGlobalTile ? 1 : 0);
}
