using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>The vision encoder with pixel shuffle, adapter and projector: tiles of pixels to what the decoder reads (model notes L8-L10).</summary>
/// <remarks>Shapes: T tiles of P x P pixels, S = P / patch patches a side, V vision hidden size. Tiles are independent sequences of S*S + 1 rows, the class token last.</remarks>
internal sealed class Llama4Vision
{
    private readonly ITensorOps _ops;
    private readonly Llama4VisionConfig _config;
    private readonly TileLayout _layout;
    private readonly Weight _patchEmbedding;
    private readonly Weight _classEmbedding;
    private readonly Weight _positionEmbedding;
    private readonly Biased _preNorm;
    private readonly Biased _postNorm;
    private readonly Llama4VisionLayer[] _layers;
    private readonly Weight _adapterIn;
    private readonly Weight _adapterOut;
    private readonly Weight _projector;
    private readonly float[] _cosines;
    private readonly float[] _sines;

    public Llama4Vision(ITensorOps ops, IWeightSource weights, Llama4VisionConfig config, int textHidden)
    {
        _ops = ops;
        _config = config;
        _layout = new TileLayout(config);
        (_cosines, _sines) = _layout.Rotation();
        var hidden = config.HiddenSize;
        _patchEmbedding = weights.Matrix("vision_model.patch_embedding.linear.weight", hidden, config.PatchLength);
        _classEmbedding = weights.Vector("vision_model.class_embedding", hidden);
        _positionEmbedding = weights.Matrix("vision_model.positional_embedding_vlm", config.Positions, hidden);
        _preNorm = Biased.ReadNorm(weights, "vision_model.layernorm_pre", hidden);
        _layers = new Llama4VisionLayer[config.Layers];
        for (var i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new Llama4VisionLayer(ops, weights, config, i);
        }

        _postNorm = Biased.ReadNorm(weights, "vision_model.layernorm_post", hidden);
        _adapterIn = weights.Matrix("vision_model.vision_adapter.mlp.fc1.weight", config.OutputSize, config.FeedForwardSize);
        _adapterOut = weights.Matrix("vision_model.vision_adapter.mlp.fc2.weight", config.OutputSize, config.OutputSize);
        _projector = weights.Matrix("multi_modal_projector.linear_1.weight", textHidden, config.OutputSize);
    }

    /// <param name="pixels">[T * 3 * P, P].</param>
    /// <returns>[T * S*S/4, text hidden].</returns>
    public Tensor Encode(Tensor pixels)
    {
        var tiles = pixels.Rows / (_config.Channels * _config.ImageSize);
        var unfolded = Patches.Unfold(_ops, pixels, _config.Channels, _config.PatchSize);              // [T*S*S, 3*patch*patch]
        var patches = _ops.Linear(unfolded, _patchEmbedding);                                         // [T*S*S, V]
        _ops.Observe("vision.patch_embedding", patches);

        var h = _ops.GatherRows(_ops.ConcatRows(patches, _ops.Embed([0], _classEmbedding)), _layout.WithClassToken(tiles));   // [T*(S*S+1), V]
        h = _ops.Add(h, _ops.Embed(_layout.Positions(tiles), _positionEmbedding));
        h = _ops.LayerNorm(h, _preNorm.Weight, _preNorm.Bias, Llama4VisionConfig.NormEpsilon);
        _ops.Observe("vision.layernorm_pre", h);
        h = RunLayers(h, tiles);
        h = _ops.LayerNorm(h, _postNorm.Weight, _postNorm.Bias, Llama4VisionConfig.NormEpsilon);
        _ops.Observe("vision.layernorm_post", h);

        var shuffled = _ops.Reshape(_ops.GatherRows(h, _layout.PixelShuffle(tiles)), tiles * _layout.Patches / 4, 4 * _config.HiddenSize);
        var adapted = _ops.Gelu(_ops.Linear(_ops.Gelu(_ops.Linear(shuffled, _adapterIn)), _adapterOut));  // [T*S*S/4, output]
        _ops.Observe("vision.adapter", adapted);
        var projected = _ops.Linear(adapted, _projector);                                             // [T*S*S/4, text hidden]
        _ops.Observe("vision.projected", projected);
        return projected;
    }

    private Tensor RunLayers(Tensor h, int tiles)
    {
        var rows = _config.Positions;
        var sequences = new SequenceSpan[tiles];
        for (var tile = 0; tile < tiles; tile++)
        {
            sequences[tile] = SequenceSpan.Self(tile * rows, rows);
        }

        var positions = _layout.Positions(tiles);
        var rotation = new Rotation(
            _ops.GatherRows(_ops.Upload(_cosines, rows, _config.HeadSize / 2), positions),
            _ops.GatherRows(_ops.Upload(_sines, rows, _config.HeadSize / 2), positions),
            Interleaved: true);
        foreach (var layer in _layers)
        {
            Tensor next;
            using (_ops.Scope())
            {
                next = _ops.Keep(layer.Forward(h, rotation, sequences));
            }

            _ops.Free(h);
            h = next;
            _ops.Observe(layer.Name, h);
        }

        return h;
    }
}
