using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>Patches out of pixels: what a convolution whose steps are its size reads, as rows.</summary>
/// <remarks>Shapes: T tiles of P x P pixels in C channels, S = P / patch patches a side.</remarks>
internal static class Patches
{
    /// <summary>The patches of tiles, row by row of the tile; within a patch channel, row, column.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="pixels">[T * C * P, P].</param>
    /// <param name="channels">C.</param>
    /// <param name="patch">Pixels of a patch's side.</param>
    /// <returns>[T * S * S, C * patch * patch].</returns>
    public static Tensor Unfold(ITensorOps ops, Tensor pixels, int channels, int patch)
    {
        var (size, side) = (pixels.Columns, pixels.Columns / patch);
        var tiles = pixels.Rows / (channels * size);
        var strips = ops.Reshape(pixels, (int)(pixels.Length / patch), patch);
        return ops.Reshape(ops.GatherRows(strips, Order(tiles, channels, size, patch)), tiles * side * side, channels * patch * patch);
    }

    /// <summary>Strips, one patch wide and one pixel high, in the order patch by patch: channel, row within the patch.</summary>
    private static int[] Order(int tiles, int channels, int size, int patch)
    {
        var side = size / patch;
        var order = new int[tiles * channels * size * side];
        for (var i = 0; i < order.Length; i++)
        {
            var (rest, row) = Math.DivRem(i, patch);
            (rest, var channel) = Math.DivRem(rest, channels);
            (rest, var patchColumn) = Math.DivRem(rest, side);
            var (tile, patchRow) = Math.DivRem(rest, side);
            var pixelRow = (((tile * channels) + channel) * size) + (patchRow * patch) + row;
            order[i] = (pixelRow * side) + patchColumn;
        }

        return order;
    }
}
