using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Mllama;

/// <summary>The vision encoder with its projector: the tiles of a picture to the rows that cross-attention reads (model notes M1-M3, M7, M8).</summary>
/// <remarks>Shapes: T tiles (always the most there may be), R positions a tile, N = T * R and padding, V vision hidden size.</remarks>
internal sealed class MllamaVision
{
    private readonly ITensorOps _ops;
    private readonly MllamaVisionConfig _config;
    private readonly PictureEmbedding _embedding;
    private readonly MllamaVisionLayer[] _local;
    private readonly Biased _postNorm;
    private readonly TileEmbedding _postTile;
    private readonly MllamaVisionLayer[] _global;
    private readonly Biased _projector;

    public MllamaVision(ITensorOps ops, IWeightSource weights, MllamaVisionConfig config, int textHidden)
    {
        (_ops, _config) = (ops, config);
        _embedding = new PictureEmbedding(ops, weights, config);
        _local = Layers(weights, "vision_model.transformer.layers", config.LocalLayers, gated: false);
        _postNorm = Biased.ReadNorm(weights, "vision_model.layernorm_post", config.HiddenSize);
        _postTile = new TileEmbedding(ops, weights, config, "vision_model.post_tile_positional_embedding");
        _global = Layers(weights, "vision_model.global_transformer.layers", config.GlobalLayers, gated: true);
        _projector = Biased.Read(weights, "multi_modal_projector", textHidden, config.OutputSize);
    }

    /// <param name="pixels">[tiles * 3 * P, P], at least the grid's tiles; those that are not given are empty.</param>
    /// <param name="gridRows">Tiles from top to bottom.</param>
    /// <param name="gridColumns">Tiles from left to right.</param>
    /// <returns>[T * R, text hidden].</returns>
    public Tensor Encode(Tensor pixels, int gridRows, int gridColumns)
    {
        var given = pixels.Rows / (_config.Channels * _config.ImageSize);
        var tiles = gridRows * gridColumns;
        // Note M7: 0 is "no picture", the grids follow in the order of the configuration.
        var grid = _config.Grids.ToList().IndexOf((gridRows, gridColumns)) + 1;
        if (grid == 0 || given < tiles || given > _config.MaxTiles)
        {
            throw new ArgumentException($"{given} tiles in a grid of {gridRows} x {gridColumns} cannot be encoded; at most {_config.MaxTiles} tiles are allowed.", nameof(pixels));
        }

        var layout = new PictureLayout(_config, tiles);
        Tensor h;
        using (_ops.Scope())
        {
            var embedded = _embedding.Forward(pixels, grid);                                           // [T*R, V]
            var padding = _ops.Upload(new float[_config.HiddenSize], 1, _config.HiddenSize);
            h = _ops.Keep(_ops.GatherRows(_ops.ConcatRows(embedded, padding), layout.FromPositions()));   // [N, V], picture first
        }

        var output = layout.ToPositions();
        var states = new List<Tensor>();
        h = RunLocal(h, layout, output, states);
        h = _ops.LayerNorm(h, _postNorm.Weight, _postNorm.Bias, MllamaVisionConfig.OuterNormEpsilon);
        Observe("vision.layernorm_post", h, layout);
        h = _postTile.AddTo(h, grid, layout.TileOfRow());
        Observe("vision.post_tile", h, layout);
        h = RunLayers(_global, "vision.global", 0, h, layout);
        return Project(_ops.GatherRows(h, output), states);
    }

    private MllamaVisionLayer[] Layers(IWeightSource weights, string prefix, int count, bool gated)
    {
        var layers = new MllamaVisionLayer[count];
        for (var i = 0; i < count; i++)
        {
            layers[i] = new MllamaVisionLayer(_ops, weights, _config, $"{prefix}.{i}", gated);
        }

        return layers;
    }

    /// <summary>Runs the local encoder and notes the INPUT of the intermediate layers (note M1).</summary>
    private Tensor RunLocal(Tensor h, PictureLayout layout, int[] output, List<Tensor> states)
    {
        var next = 0;
        foreach (var layer in _config.IntermediateLayers)
        {
            h = RunLayers(_local.AsSpan(next, layer - next), "vision.local", next, h, layout);
            next = layer;
            states.Add(_ops.GatherRows(h, output));
        }

        return RunLayers(_local.AsSpan(next), "vision.local", next, h, layout);
    }

    private Tensor RunLayers(ReadOnlySpan<MllamaVisionLayer> layers, string name, int first, Tensor h, PictureLayout layout)
    {
        var spans = layout.Spans;
        for (var i = 0; i < layers.Length; i++)
        {
            Tensor next;
            using (_ops.Scope())
            {
                next = _ops.Keep(layers[i].Forward(h, spans));
            }

            _ops.Free(h);
            h = next;
            Observe($"{name}{first + i}", h, layout);
        }

        return h;
    }

    /// <summary>Features and their projection, a tile at a time: those of all tiles are the largest tensors of the encoder.</summary>
    private Tensor Project(Tensor last, IReadOnlyList<Tensor> states)
    {
        Tensor? all = null;
        for (var tile = 0; tile < _config.MaxTiles; tile++)
        {
            int[] rows = [.. Enumerable.Range(tile * _config.Positions, _config.Positions)];
            Tensor projected;
            using (_ops.Scope())
            {
                var features = Features(_ops.GatherRows(last, rows), [.. states.Select(state => _ops.GatherRows(state, rows))]);
                _ops.Observe("vision.last_hidden_state", features);                                     // [R, output]
                projected = _ops.Keep(_ops.Linear(features, _projector.Weight, _projector.Bias));       // [R, text hidden]
            }

            _ops.Observe("vision.projected", projected);
            all = all is { } before ? _ops.ConcatRows(before, projected) : projected;
        }

        return all!.Value;
    }

    /// <summary>The last state, then the interleaved ones (note M2).</summary>
    private Tensor Features(Tensor last, IReadOnlyList<Tensor> states)
    {
        if (states.Count == 0)
        {
            return last;
        }

        // As rows of V numbers: each position's last state, then its share of the interleaved ones.
        var (rows, count) = (last.Rows, states.Count);
        var interleaved = _ops.Reshape(_ops.InterleaveColumns(states), rows * count, last.Columns);
        var turns = new int[rows * (count + 1)];
        for (var i = 0; i < turns.Length; i++)
        {
            var (row, part) = Math.DivRem(i, count + 1);
            turns[i] = part == 0 ? row : rows + (row * count) + part - 1;
        }

        return _ops.Reshape(_ops.GatherRows(_ops.ConcatRows(last, interleaved), turns), rows, _config.OutputSize);
    }

    /// <summary>Fixtures have the reference's order of rows.</summary>
    private void Observe(string name, Tensor h, PictureLayout layout)
    {
        if (_ops.Observer is not null)
        {
            _ops.Observe(name, _ops.GatherRows(h, layout.PlaceOf));
        }
    }
}
