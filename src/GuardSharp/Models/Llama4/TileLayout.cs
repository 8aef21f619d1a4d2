namespace GuardSharp.Models.Llama4;

/// <summary>Orders of rows that the vision encoder gathers by: class tokens, pixel shuffle.</summary>
/// <param name="config">Sizes of tile and patch.</param>
/// <remarks>Shapes: T tiles of P x P pixels, S = P / patch patches a side.</remarks>
internal sealed class TileLayout(Checkpoints.Llama4VisionConfig config)
{
    private readonly int _side = config.GridSize;

    /// <summary>Patches of a tile: S * S.</summary>
    public int Patches => _side * _side;

    /// <summary>Each tile's patches and the class token, which stands behind all patches in the source.</summary>
    public int[] WithClassToken(int tiles)
    {
        var order = new int[tiles * (Patches + 1)];
        for (var i = 0; i < order.Length; i++)
        {
            var (tile, place) = Math.DivRem(i, Patches + 1);
            order[i] = place == Patches ? tiles * Patches : (tile * Patches) + place;
        }

        return order;
    }

    /// <summary>Four neighbouring patches become one row (model note L10); the class tokens are left out.</summary>
    public int[] PixelShuffle(int tiles)
    {
        var half = _side / 2;
        var order = new int[tiles * Patches];
        for (var i = 0; i < order.Length; i++)
        {
            var (tile, place) = Math.DivRem(i, Patches);
            var (cell, inner) = Math.DivRem(place, 4);
            var row = (2 * (cell / half)) + (inner / 2);
            var column = (2 * (cell % half)) + (inner % 2);
            order[i] = (tile * (Patches + 1)) + (row * _side) + column;
        }

        return order;
    }

    /// <summary>0, 1 ... Patches (the class token's place), once for every tile.</summary>
    public int[] Positions(int tiles)
    {
        var order = new int[tiles * (Patches + 1)];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i % (Patches + 1);
        }

        return order;
    }

    /// <summary>Angles of the two-dimensional rotation (model note L9), [Patches + 1, pairs]: the first half of a head's pairs turns with the column, the second with the row; the class token does not turn.</summary>
    public (float[] Cosines, float[] Sines) Rotation()
    {
        var pairs = config.HeadSize / 2;
        var cosines = new float[(Patches + 1) * pairs];
        var sines = new float[cosines.Length];
        Array.Fill(cosines, 1);
        for (var patch = 0; patch < Patches; patch++)
        {
            for (var pair = 0; pair < pairs; pair++)
            {
                var place = (pair < pairs / 2 ? patch % _side : patch / _side) + 1;
                var frequency = MathF.Pow((float)config.RopeTheta, -2f * (pair % (pairs / 2)) / pairs);
                (sines[(patch * pairs) + pair], cosines[(patch * pairs) + pair]) = MathF.SinCos(place * frequency);
            }
        }

        return (cosines, sines);
    }
}
