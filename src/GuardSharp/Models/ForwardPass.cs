using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>Drives a network's layers without gradients: one scope a layer, so that only one layer's intermediates live at a time.</summary>
internal static class ForwardPass
{
    /// <summary>Runs all layers and moves the caches forward.</summary>
    /// <param name="ops">The backend the network was built on.</param>
    /// <param name="network">The network.</param>
    /// <param name="embeddings">Inputs of the first layer [N, hidden].</param>
    /// <param name="sequences">Which rows belong to which sequence.</param>
    /// <param name="pictures">What cross-attention reads, if anything.</param>
    /// <param name="lastRows">How many of its last rows are read of each sequence; null: all rows are. Of the others the last layer computes keys and values only.</param>
    /// <returns>The last layer's output [N or the rows that are read, hidden], before the final norm.</returns>
    public static Tensor Run(
        ITensorOps ops, IGuardNetwork network, Tensor embeddings, IReadOnlyList<SequenceSpan> sequences, PictureReading? pictures = null, IReadOnlyList<int>? lastRows = null)
    {
        var context = network.Begin(sequences) with { Pictures = pictures };
        var hidden = embeddings;
        for (var i = 0; i < network.Shape.Layers; i++)
        {
            Tensor next;
            using (ops.Scope())
            {
                var layer = i == network.Shape.Layers - 1 && lastRows is not null ? context.ForLast(ops, lastRows) : context;
                next = network.Layer(i, hidden, layer);
                next = layer.Wanted is { } wanted && next.Rows != wanted.Length ? ops.GatherRows(next, wanted) : next;
                // A layer that has nothing to read gives back what it got (model note M5).
                next = next == hidden ? hidden : ops.Keep(next);
            }

            if (hidden != embeddings && hidden != next)
            {
                ops.Free(hidden);
            }

            hidden = next;
        }

        for (var i = 0; i < sequences.Count; i++)
        {
            sequences[i].Cache?.Advance(sequences[i].KeyCount);
        }

        return hidden;
    }
}
