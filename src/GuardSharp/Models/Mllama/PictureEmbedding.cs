using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Mllama;

/// <summary>The encoder's input: patches, class tokens, and what tells positions, tiles and grids apart (model notes M7, M8, M12).</summary>
/// <remarks>Shapes: T tiles (always the most there may be), S*S patches a tile, R = S*S + 1 positions a tile, V vision hidden size.</remarks>
internal sealed class PictureEmbedding
{
    private const string Model = "vision_model";

    private readonly ITensorOps _ops;
    private readonly MllamaVisionConfig _config;
    private readonly Weight _patches;
    private readonly Weight _class;
    private readonly Weight _positions;
    private readonly Weight _tilePositions;
    private readonly Weight _positionGate;
    private readonly TileEmbedding _preTile;
    private readonly Biased _norm;

    public PictureEmbedding(ITensorOps ops, IWeightSource weights, MllamaVisionConfig config)
    {
        (_ops, _config) = (ops, config);
        var hidden = config.HiddenSize;
        _patches = weights.Matrix($"{Model}.patch_embedding.weight", hidden, config.PatchLength);
        _class = weights.Vector($"{Model}.class_embedding", hidden);
        _positions = weights.Matrix($"{Model}.gated_positional_embedding.embedding", config.Positions, hidden);
        _tilePositions = weights.Matrix(
            $"{Model}.gated_positional_embedding.tile_embedding.weight", config.Grids.Count + 1, config.MaxTiles * config.Positions * hidden);
        _positionGate = weights.Vector($"{Model}.gated_positional_embedding.gate", 1);
        _preTile = new TileEmbedding(ops, weights, config, $"{Model}.pre_tile_positional_embedding");
        _norm = Biased.ReadNorm(weights, $"{Model}.layernorm_pre", hidden);
    }

    /// <param name="pixels">[tiles * 3 * P, P]; tiles that are not given are empty.</param>
    /// <param name="grid">The grid's id.</param>
    /// <returns>[T * R, V].</returns>
    public Tensor Forward(Tensor pixels, int grid)
    {
        var (tiles, patches, positions) = (_config.MaxTiles, _config.Patches, _config.Positions);
        var h = _ops.Linear(Patches.Unfold(_ops, pixels, _config.Channels, _config.PatchSize), _patches);
        // The embedding has no bias: an empty tile is rows of zeros (note M12).
        var missing = (tiles * patches) - h.Rows;
        h = missing == 0 ? h : _ops.ConcatRows(h, _ops.Upload(new float[missing * h.Columns], missing, h.Columns));
        _ops.Observe("vision.patch_embedding", h);                                                      // [T*S*S, V]
        h = _preTile.AddTo(h, grid, Rows(tiles * patches, row => row / patches));
        _ops.Observe("vision.pre_tile", h);
        h = _ops.GatherRows(
            _ops.ConcatRows(h, _ops.Embed([0], _class)),
            Rows(tiles * positions, row => row % positions == 0 ? tiles * patches : (row / positions * patches) + (row % positions) - 1));   // [T*R, V]

        // (1 - tanh(gate)) of the position's embedding, tanh(gate) of the one that knows the grid (note M7).
        var perPosition = _ops.Embed(Rows(tiles * positions, row => row % positions), _positions);
        var perTile = _ops.Reshape(_ops.Embed([grid], _tilePositions), tiles * positions, _config.HiddenSize);
        h = _ops.AddGated(_ops.Add(h, perPosition), perPosition, _positionGate, -1);
        h = _ops.AddGated(h, perTile, _positionGate);
        _ops.Observe("vision.gated_pos", h);
        h = _ops.LayerNorm(h, _norm.Weight, _norm.Bias, MllamaVisionConfig.OuterNormEpsilon);
        _ops.Observe("vision.layernorm_pre", h);
        return h;
    }

    private static int[] Rows(int count, Func<int, int> source)
    {
        var rows = new int[count];
        for (var i = 0; i < count; i++)
        {
            rows[i] = source(i);
        }

        return rows;
    }
}

/// <summary>A gated embedding of each tile of each grid, the same for all rows of a tile (model note M7).</summary>
internal sealed class TileEmbedding(ITensorOps ops, IWeightSource weights, MllamaVisionConfig config, string prefix)
{
    private readonly Weight _table = weights.Matrix($"{prefix}.embedding.weight", config.Grids.Count + 1, config.MaxTiles * config.HiddenSize);
    private readonly Weight _gate = weights.Vector($"{prefix}.gate", 1);

    /// <param name="h">[N, V].</param>
    /// <param name="grid">The grid's id.</param>
    /// <param name="tileOfRow">The tile of each row.</param>
    public Tensor AddTo(Tensor h, int grid, int[] tileOfRow) => ops.AddGated(
        h, ops.GatherRows(ops.Reshape(ops.Embed([grid], _table), config.MaxTiles, config.HiddenSize), tileOfRow), _gate);
}
