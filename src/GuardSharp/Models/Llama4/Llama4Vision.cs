using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>The vision encoder with pixel shuffle, adapter and projector: tiles of pixels to what the decoder reads (model notes L8-L10).</summary>
/// <remarks>Shapes: T tiles of P x P pixels, S = P / patch patches a side, V vision hidden size. Tiles are independent sequences of S*S + 1 rows, the class token last.</remarks>
internal sealed class Llama4Vision
{
    private readonly ITensorOps ops;
    private readonly Llama4VisionConfig config;
    private readonly TileLayout layout;
    private readonly Weight patchEmbedding;
    private readonly Weight classEmbedding;
    private readonly Weight positionEmbedding;
    private readonly Biased preNorm;
    private readonly Biased postNorm;
    private readonly Llama4VisionLayer[] layers;
    private readonly Weight adapterIn;
    private readonly Weight adapterOut;
    private readonly Weight projector;
    private readonly float[] cosines;
    private readonly float[] sines;

    public Llama4Vision(ITensorOps ops, IWeightSource weights, Llama4VisionConfig config, int textHidden)
    {
        this.ops = ops;
        this.config = config;
        layout = new TileLayout(config);
        (cosines, sines) = layout.Rotation();
        var hidden = config.HiddenSize;
        patchEmbedding = weights.Matrix("vision_model.patch_embedding.linear.weight", hidden, config.PatchLength);
        classEmbedding = weights.Vector("vision_model.class_embedding", hidden);
        positionEmbedding = weights.Matrix("vision_model.positional_embedding_vlm", config.Positions, hidden);
        preNorm = Biased.ReadNorm(weights, "vision_model.layernorm_pre", hidden);
        layers = new Llama4VisionLayer[config.Layers];
        for (var i = 0; i < layers.Length; i++)
        {
            layers[i] = new Llama4VisionLayer(ops, weights, config, i);
        }

        postNorm = Biased.ReadNorm(weights, "vision_model.layernorm_post", hidden);
        adapterIn = weights.Matrix("vision_model.vision_adapter.mlp.fc1.weight", config.OutputSize, config.FeedForwardSize);
        adapterOut = weights.Matrix("vision_model.vision_adapter.mlp.fc2.weight", config.OutputSize, config.OutputSize);
        projector = weights.Matrix("multi_modal_projector.linear_1.weight", textHidden, config.OutputSize);
    }

    /// <param name="pixels">[T * 3 * P, P].</param>
    /// <returns>[T * S*S/4, text hidden].</returns>
    public Tensor Encode(Tensor pixels)
    {
        var tiles = pixels.Rows / (config.Channels * config.ImageSize);
        var strips = ops.Reshape(pixels, (int)(pixels.Length / config.PatchSize), config.PatchSize);
        var unfolded = ops.Reshape(
            ops.GatherRows(strips, layout.Unfold(tiles)), tiles * layout.Patches, config.PatchLength);
        var patches = ops.Linear(unfolded, patchEmbedding);                                         // [T*S*S, V]
        ops.Observe("vision.patch_embedding", patches);

        var h = ops.GatherRows(ops.ConcatRows(patches, ops.Embed([0], classEmbedding)), layout.WithClassToken(tiles));   // [T*(S*S+1), V]
        h = ops.Add(h, ops.Embed(layout.Positions(tiles), positionEmbedding));
        h = ops.LayerNorm(h, preNorm.Weight, preNorm.Bias, Llama4VisionConfig.NormEpsilon);
        ops.Observe("vision.layernorm_pre", h);
        h = RunLayers(h, tiles);
        h = ops.LayerNorm(h, postNorm.Weight, postNorm.Bias, Llama4VisionConfig.NormEpsilon);
        ops.Observe("vision.layernorm_post", h);

        var shuffled = ops.Reshape(ops.GatherRows(h, layout.PixelShuffle(tiles)), tiles * layout.Patches / 4, 4 * config.HiddenSize);
        var adapted = ops.Gelu(ops.Linear(ops.Gelu(ops.Linear(shuffled, adapterIn)), adapterOut));  // [T*S*S/4, output]
        ops.Observe("vision.adapter", adapted);
        var projected = ops.Linear(adapted, projector);                                             // [T*S*S/4, text hidden]
        ops.Observe("vision.projected", projected);
        return projected;
    }

    private Tensor RunLayers(Tensor h, int tiles)
    {
        var rows = config.Positions;
        var sequences = new SequenceSpan[tiles];
        for (var tile = 0; tile < tiles; tile++)
        {
            sequences[tile] = SequenceSpan.Self(tile * rows, rows);
        }

        var positions = layout.Positions(tiles);
        var rotation = new Rotation(
            ops.GatherRows(ops.Upload(cosines, rows, config.HeadSize / 2), positions),
            ops.GatherRows(ops.Upload(sines, rows, config.HeadSize / 2), positions),
            Interleaved: true);
        foreach (var layer in layers)
        {
            Tensor next;
            using (ops.Scope())
            {
                next = ops.Keep(layer.Forward(h, rotation, sequences));
            }

            ops.Free(h);
            h = next;
            ops.Observe(layer.Name, h);
        }

        return h;
    }
}
