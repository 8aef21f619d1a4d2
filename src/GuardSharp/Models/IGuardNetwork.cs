using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>The dimensions a runner and a cache need.</summary>
/// <param name="Layers">Decoder layers.</param>
/// <param name="HiddenSize">Columns of the activations between layers.</param>
/// <param name="KeyColumns">Columns of k and of v in one layer: key heads * head size.</param>
/// <param name="VocabularySize">Columns of the full logits.</param>
/// <param name="MaxPositions">Positions the model was made for.</param>
/// <param name="KeyHeads">Key heads that they are made of.</param>
internal sealed record NetworkShape(int Layers, int HiddenSize, int KeyColumns, int VocabularySize, int MaxPositions, int KeyHeads = 1);

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
/// <param name="Wanted">The rows of the layer's output that anybody reads, rising; null: all. Set for the last layer only, whose other rows matter by their keys and values alone; queries count among these rows then.</param>
/// <param name="WantedRotation">Rotations of the wanted rows.</param>
internal readonly record struct LayerContext(
    IReadOnlyList<SequenceSpan> Sequences,
    Rotation Rotation,
    Tensor? QueryFactors,
    PictureReading? Pictures = null,
    int[]? Wanted = null,
    Rotation? WantedRotation = null)
{
    /// <summary>Rotations of the queries.</summary>
    public Rotation QueryRotation => WantedRotation ?? Rotation;

    /// <summary>The wanted rows of a tensor [N, C].</summary>
    public Tensor Pick(ITensorOps ops, Tensor x) => Wanted is { } rows ? ops.GatherRows(x, rows) : x;

    /// <summary>The same for a last layer of which only the last rows of each sequence are read.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="lastRows">How many rows, by sequence.</param>
    public LayerContext ForLast(ITensorOps ops, IReadOnlyList<int> lastRows)
    {
        var rows = new List<int>();
        var spans = new SequenceSpan[Sequences.Count];
        var all = 0;
        for (var i = 0; i < spans.Length; i++)
        {
            var span = Sequences[i];
            var first = span.QueryCount - lastRows[i];
            spans[i] = span with { QueryRow = rows.Count, QueryCount = lastRows[i], QueryOffset = first };
            rows.AddRange(Enumerable.Range(span.QueryRow + first, lastRows[i]));
            all += span.QueryCount;
        }

        if (rows.Count == all)
        {
            return this;
        }

        int[] wanted = [.. rows];
        return this with
        {
            Sequences = spans,
            QueryFactors = QueryFactors is { } factors ? ops.GatherRows(factors, wanted) : null,
            Wanted = wanted,
            WantedRotation = Rotation with { Cosines = ops.GatherRows(Rotation.Cosines, wanted), Sines = ops.GatherRows(Rotation.Sines, wanted) },
        };
    }
}
