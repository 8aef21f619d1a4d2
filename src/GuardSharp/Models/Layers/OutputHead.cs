using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>The end of every decoder: a norm of the rows that are asked for, and their logits.</summary>
/// <param name="ops">The backend.</param>
/// <param name="norm">Factors of the RMSNorm.</param>
/// <param name="epsilon">Its epsilon.</param>
/// <param name="head">Rows of the vocabulary [vocabulary, hidden]; the embedding where the head is tied.</param>
internal sealed class OutputHead(ITensorOps ops, Weight norm, float epsilon, Weight head)
{
    /// <summary>The final norm of the given rows: [rows.Length, hidden].</summary>
    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows)
    {
        var normed = ops.RmsNorm(ops.GatherRows(hidden, rows), norm, epsilon);
        ops.Observe("hidden.final_norm", normed);
        return normed;
    }

    /// <summary>Logits of normed rows for the given tokens, or for the whole vocabulary when there are none.</summary>
    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens) =>
        tokens.IsEmpty ? ops.Linear(normed, head) : ops.LinearRows(normed, head, tokens);
}
