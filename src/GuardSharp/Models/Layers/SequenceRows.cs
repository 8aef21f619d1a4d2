using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>Counts over the sequences of a batch.</summary>
internal static class SequenceRows
{
    /// <summary>Number of query rows.</summary>
    public static int Count(IReadOnlyList<SequenceSpan> sequences)
    {
        var rows = 0;
        for (var i = 0; i < sequences.Count; i++)
        {
            rows = Math.Max(rows, sequences[i].QueryRow + sequences[i].QueryCount);
        }

        return rows;
    }
}
