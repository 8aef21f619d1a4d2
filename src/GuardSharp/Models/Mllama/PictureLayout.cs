using GuardSharp.Checkpoints;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Mllama;

/// <summary>The rows of one picture inside the encoder: those that stand for picture first, then all padding, so that the encoder's mask is two runs of rows.</summary>
/// <remarks>
/// The reference numbers rows tile by tile: class token, patches, padding. Its mask hides padding from padding only: rows of the picture see
/// everything, padding included; padding sees the picture alone (model note M3).
/// </remarks>
internal sealed class PictureLayout
{
    private readonly MllamaVisionConfig _config;
    private readonly int _tiles;
    private readonly int[] _order;
    private readonly int[] _placeOf;
    private readonly int _pictureRows;

    /// <param name="config">Sizes.</param>
    /// <param name="tiles">Tiles that hold the picture; the others are empty.</param>
    public PictureLayout(MllamaVisionConfig config, int tiles)
    {
        (_config, _tiles) = (config, tiles);
        _order = new int[config.MaxTiles * config.PaddedPositions];
        _placeOf = new int[_order.Length];
        _pictureRows = tiles * config.Positions;
        var (picture, padding) = (0, _pictureRows);
        for (var row = 0; row < _order.Length; row++)
        {
            var place = IsPicture(row) ? picture++ : padding++;
            _order[place] = row;
            _placeOf[row] = place;
        }
    }

    /// <summary>Where each of the reference's rows stands here.</summary>
    public ReadOnlySpan<int> PlaceOf => _placeOf;

    /// <summary>Note M3 as spans.</summary>
    public SequenceSpan[] Spans =>
    [
        new(0, _pictureRows, 0, _order.Length, 0, null),
        new(_pictureRows, _order.Length - _pictureRows, 0, _pictureRows, 0, null),
    ];

    /// <summary>The tile of each row.</summary>
    public int[] TileOfRow() => Array.ConvertAll(_order, row => row / _config.PaddedPositions);

    /// <summary>For each row its number among class tokens and patches tile by tile; padding is the row behind those.</summary>
    public int[] FromPositions()
    {
        var padding = _config.MaxTiles * _config.Positions;
        return Array.ConvertAll(_order, row =>
        {
            var (tile, position) = Math.DivRem(row, _config.PaddedPositions);
            return position < _config.Positions ? (tile * _config.Positions) + position : padding;
        });
    }

    /// <summary>The way back: places of class tokens and patches tile by tile, padding left out.</summary>
    public int[] ToPositions()
    {
        var places = new int[_config.MaxTiles * _config.Positions];
        for (var i = 0; i < places.Length; i++)
        {
            var (tile, position) = Math.DivRem(i, _config.Positions);
            places[i] = _placeOf[(tile * _config.PaddedPositions) + position];
        }

        return places;
    }

    private bool IsPicture(int row) => row / _config.PaddedPositions < _tiles && row % _config.PaddedPositions < _config.Positions;
}
