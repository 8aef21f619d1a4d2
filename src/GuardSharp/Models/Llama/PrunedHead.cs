using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama;

/// <summary>A head that lost all rows but those of the tokens a guard can answer with, expanded back to the vocabulary (Llama Guard 3 1B, pruned).</summary>
/// <param name="ops">The backend.</param>
/// <param name="head">The rows that are left [P, hidden].</param>
/// <param name="tokens">The token of each row.</param>
/// <param name="vocabulary">Columns of the full logits.</param>
/// <remarks>A token without a row cannot be answered: its logit is so low that its probability is 0 (Meta's expansion has minus infinity, arXiv:2411.17713; a finite one lets an infinite logit stay the sign of a damaged network).</remarks>
internal sealed class PrunedHead(ITensorOps ops, Weight head, int[] tokens, int vocabulary)
{
    // exp(Impossible - any logit) is 0 in float32 and in float64.
    private const float Impossible = -1e30f;

    private readonly Dictionary<int, int> _rows = tokens.Select((token, row) => (token, row)).ToDictionary(pair => pair.token, pair => pair.row);

    /// <summary>Logits of normed rows for the given tokens, or for the whole vocabulary when there are none.</summary>
    public Tensor Logits(Tensor normed, ReadOnlySpan<int> wanted)                                        // normed [N, hidden]
    {
        var columns = wanted.IsEmpty ? vocabulary : wanted.Length;
        var known = ops.Linear(normed, head);                                                             // [N, P]
        var cells = ops.ConcatRows(
            ops.Reshape(known, normed.Rows * tokens.Length, 1), ops.Upload([Impossible], 1, 1));  // [N*P + 1, 1]
        var order = new int[normed.Rows * columns];
        Array.Fill(order, normed.Rows * tokens.Length);
        for (var row = 0; row < normed.Rows; row++)
        {
            Place(order.AsSpan(row * columns, columns), row * tokens.Length, wanted);
        }

        return ops.Reshape(ops.GatherRows(cells, order), normed.Rows, columns);                           // [N, columns]
    }

    private void Place(Span<int> order, int first, ReadOnlySpan<int> wanted)
    {
        if (wanted.IsEmpty)
        {
            foreach (var (token, row) in _rows)
            {
                order[token] = first + row;
            }

            return;
        }

        for (var i = 0; i < wanted.Length; i++)
        {
            if (_rows.TryGetValue(wanted[i], out var row))
            {
                order[i] = first + row;
            }
        }
    }
}
