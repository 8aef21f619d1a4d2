using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>What cross-attention needs of one pass: which rows of the batch read, and what.</summary>
/// <param name="Rows">The rows that read, rising; the others pass such layers unchanged. Null: all rows.</param>
/// <param name="Spans">Which of them read which rows or cached positions; queries count among <paramref name="Rows"/>.</param>
/// <param name="Encoded">Rows of the pictures, of which keys and values are computed now; null: they are in the spans' caches.</param>
/// <param name="FeedForwardFactors">[rows that read, 1]: 0 for rows before the first picture, whose feed-forward is masked (model note M4), else 1; null: all 1.</param>
internal sealed record PictureReading(int[]? Rows, IReadOnlyList<SequenceSpan> Spans, Tensor? Encoded, Tensor? FeedForwardFactors)
{
    /// <summary>Finds out what a batch reads.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="network">The network.</param>
    /// <param name="sequences">The sequences of the batch; a row's position is its place in the prompt.</param>
    /// <param name="memories">Each sequence's pictures; null for one without. All of them keep keys and values, or none does.</param>
    /// <returns>Null when no row reads anything.</returns>
    public static PictureReading? Of(
        ITensorOps ops, ICrossAttentionNetwork network, IReadOnlyList<SequenceSpan> sequences, IReadOnlyList<PictureMemory?> memories)
    {
        var rows = new List<int>();
        var spans = new List<SequenceSpan>();
        var factors = new List<float>();
        Tensor? encoded = null;
        for (var i = 0; i < sequences.Count; i++)
        {
            if (memories[i] is not { } memory)
            {
                continue;
            }

            var firstKey = encoded?.Rows ?? 0;
            encoded = encoded is { } before && memory.Encoded is { } more ? ops.ConcatRows(before, more) : memory.Encoded;
            foreach (var run in memory.Sight.Runs(sequences[i].Position, sequences[i].QueryCount))
            {
                if (run.Pictures > 0 || network.EarlierTokensRead)
                {
                    spans.Add(Span(rows.Count, run.Count, firstKey, memory, memory.Window(run)));
                    rows.AddRange(Enumerable.Range(sequences[i].QueryRow + run.Start - sequences[i].Position, run.Count));
                    factors.AddRange(Enumerable.Repeat(run.Pictures > 0 ? 1f : 0f, run.Count));
                }
            }
        }

        if (rows.Count == 0)
        {
            return null;
        }

        var isAll = rows.Count == sequences.Sum(s => s.QueryCount);
        return new PictureReading(
            isAll ? null : [.. rows], spans, encoded, factors.Contains(0) ? ops.Upload([.. factors], rows.Count, 1) : null);
    }

    private static SequenceSpan Span(int row, int count, int firstKey, PictureMemory memory, CacheWindow window) => memory.Cache is { } cache
        ? new SequenceSpan(row, count, 0, 0, 0, cache, window)
        : new SequenceSpan(row, count, firstKey + window.Start, window.Count, 0, null);
}
