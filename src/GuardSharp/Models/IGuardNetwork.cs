using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>The dimensions a runner and a cache need.</summary>
/// <param name="Layers">Decoder layers.</param>
/// <param name="HiddenSize">Columns of the activations between layers.</param>
/// <param name="KeyColumns">Columns of k and of v in one layer: key heads * head size.</param>
/// <param name="VocabularySize">Columns of the full logits.</param>
/// <param name="MaxPositions">Positions the model was made for.</param>
internal sealed record NetworkShape(int Layers, int HiddenSize, int KeyColumns, int VocabularySize, int MaxPositions);

/// <summary>A network, as pieces that a runner drives: the runner decides about scopes, recomputation and caches, the network is only the mathematics.</summary>
/// <remarks>Shapes: N rows, the tokens of all sequences laid end to end. One thread at a time, that of its <see cref="ITensorOps"/>.</remarks>
internal interface IGuardNetwork
{
    /// <summary>The dimensions.</summary>
    NetworkShape Shape { get; }

    /// <summary>Token embeddings [N, hidden].</summary>
    Tensor Embed(ReadOnlySpan<int> ids);

    /// <summary>Encodes tiles to what the decoder reads in place of image tokens.</summary>
    /// <param name="pixels">Tiles one after the other, every row of pixels a row: [tiles * 3 * P, P].</param>
    /// <returns>[tiles * tokensPerTile, hidden].</returns>
    Tensor EncodeTiles(Tensor pixels);

    /// <summary>What all layers of one pass share, such as rotations.</summary>
    LayerContext Begin(IReadOnlyList<SequenceSpan> sequences);

    /// <summary>One decoder layer: [N, hidden] to [N, hidden], or to the rows that the context wants; a layer may leave that to its caller and give all.</summary>
    Tensor Layer(int index, Tensor hidden, LayerContext context);

    /// <summary>The final norm of the given rows: [rows.Length, hidden].</summary>
    Tensor Final(Tensor hidden, ReadOnlySpan<int> rows);

    /// <summary>Logits of normed rows for the given tokens, or for the whole vocabulary when there are none: [N, tokens.Length or vocabulary].</summary>
    Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens);
}

/// <summary>What the layers of one pass share.</summary>
/// <param name="Sequences">The sequences of the batch.</param>
/// <param name="Rotation">Rotations of all rows.</param>
/// <param name="QueryFactors">Per-row factor of the queries in layers without rotation (model note L4) [N, 1], if the model has any.</param>
/// <param name="Pictures">What cross-attention reads; null: no row of the pass sees a picture, or the model has no such layers.</param>
/// <param name="Wanted">The rows of the layer's output that anybody reads, rising; null: all. Set for the last layer only, whose other rows matter by their keys and values alone.</param>
internal readonly record struct LayerContext(
    IReadOnlyList<SequenceSpan> Sequences, Rotation Rotation, Tensor? QueryFactors, PictureReading? Pictures = null, int[]? Wanted = null)
{
    /// <summary>The wanted rows of a tensor [N, C].</summary>
    public Tensor Pick(ITensorOps ops, Tensor x) => Wanted is { } rows ? ops.GatherRows(x, rows) : x;
}
