using GuardSharp.Tensors;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Torch;

/// <summary>Attention over sequences laid end to end, by scaled_dot_product_attention over groups of them.</summary>
/// <remarks>
/// Training has hundreds of short sequences: one call each would cost more in calls than in arithmetic. Those without a cache are sorted
/// by length and padded to the longest of their group, which is at most twice as long as the shortest.
/// Shapes: N query rows, M key rows, B sequences of a group, L and S its most queries and keys, H heads, K key heads, G = H / K, D head size.
/// </remarks>
internal static class TorchAttention
{
    /// <summary>Attention of all sequences; q already carries the scale. Rows of q that belong to no sequence give zeros.</summary>
    /// <returns>[N, H * D].</returns>
    public static torch.Tensor Run(torch.Tensor q, torch.Tensor k, torch.Tensor v, in AttentionPlan plan, torch.Device device)
    {
        var parts = new List<torch.Tensor>();
        var place = new long[q.size(0)]; // where the result of a query row stands in the parts
        Array.Fill(place, -1);
        long next = 0;
        foreach (var group in Groups(plan))
        {
            var layout = new Layout(group, plan);
            var result = Attend(layout, q, k, v, plan, device);
            for (var i = 0; i < group.Count; i++)
            {
                for (var j = 0; j < group[i].QueryCount; j++)
                {
                    place[group[i].QueryRow + j] = next + ((long)i * layout.Queries) + j;
                }
            }

            parts.Add(result);
            next += result.size(0);
        }

        return Assemble(parts, place, next, q, device);
    }

    private static torch.Tensor Assemble(List<torch.Tensor> parts, long[] place, long rows, torch.Tensor q, torch.Device device)
    {
        if (place.Length == 0)
        {
            return q.narrow(0, 0, 0);
        }

        if (Array.IndexOf(place, -1L) >= 0)
        {
            parts.Add(torch.zeros(1, q.size(1), torch.ScalarType.Float32, device));
            place.AsSpan().Replace(-1L, rows);
        }

        var all = parts.Count == 1 ? parts[0] : torch.cat(parts, 0);
        return all.size(0) == place.Length && IsRun(place) ? all : all.index_select(0, torch.tensor(place, device: device));
    }

    /// <summary>Sequences that can be computed together. One with a cache is alone, because its keys lie elsewhere.</summary>
    private static IEnumerable<List<SequenceSpan>> Groups(AttentionPlan plan)
    {
        var open = new List<SequenceSpan>();
        foreach (var sequence in plan.Sequences)
        {
            // Under a causal mask padding hides itself only where queries and keys are the same tokens.
            var together = sequence.Cache is null && (plan.Mask == AttentionMask.Full || sequence.QueryCount == sequence.KeyCount);
            if (sequence.QueryCount == 0 && sequence.Cache is null)
            {
                continue;
            }

            if (together)
            {
                open.Add(sequence);
            }
            else
            {
                yield return [sequence];
            }
        }

        var sorted = open.OrderByDescending(s => s.QueryCount).ThenByDescending(s => s.KeyCount).ToList(); // a stable sort
        for (var first = 0; first < sorted.Count;)
        {
            var last = first;
            while (last < sorted.Count && sorted[last].QueryCount * 2 >= sorted[first].QueryCount && sorted[last].KeyCount * 2 >= sorted[first].KeyCount
                && sorted[last].KeyCount <= sorted[first].KeyCount * 2)
            {
                last++;
            }

            yield return sorted[first..last];
            first = last;
        }
    }

    /// <returns>[B * L, H * D], padding included.</returns>
    private static torch.Tensor Attend(Layout layout, torch.Tensor q, torch.Tensor k, torch.Tensor v, in AttentionPlan plan, torch.Device device)
    {
        var (b, l, d, groups) = (layout.Count, layout.Queries, plan.HeadSize, plan.Heads / plan.KeyHeads);
        var queries = layout.Rows(q, l, s => s.QueryRow, s => s.QueryCount, device); // [B * L, H * D]
        var keys = layout.Rows(k, layout.NewKeys, s => s.KeyRow, s => s.KeyCount, device);
        var values = layout.Rows(v, layout.NewKeys, s => s.KeyRow, s => s.KeyCount, device);
        if (layout.First.Cache is TorchKvCache cache)
        {
            (keys, values) = cache.Append(plan.Layer, keys, values);
            if (layout.First.Window is { } window)
            {
                // The new keys stand behind those of the cache and are always seen.
                (keys, values) = (Seen(keys, window, layout.NewKeys), Seen(values, window, layout.NewKeys));
            }
        }

        if (l == 0)
        {
            return queries;
        }

        var span = keys.size(0) / b;
        keys = keys.view(b, span, plan.KeyHeads, d).transpose(1, 2); // [B, K, S, D]
        values = values.view(b, span, plan.KeyHeads, d).transpose(1, 2);
        if (layout.IsTriangle)
        {
            var heads = queries.view(b, l, plan.Heads, d).transpose(1, 2); // [B, H, L, D]
            var triangle = functional.scaled_dot_product_attention(heads, Repeat(keys, groups), Repeat(values, groups), is_casual: true);
            return triangle.transpose(1, 2).reshape((long)b * l, plan.Heads * d);
        }

        // The G heads that share a key head become G times as many queries of it: keys and values need no copies.
        var folded = queries.view(b, l, plan.KeyHeads, groups, d).permute(0, 2, 3, 1, 4).reshape(b, plan.KeyHeads, (long)groups * l, d);
        var mask = layout.Mask(span, device); // null, [B, 1, 1, S] or [B, 1, L, S]
        mask = mask is not null && mask.size(2) > 1 && groups > 1 ? mask.repeat(1, 1, groups, 1) : mask;
        var result = functional.scaled_dot_product_attention(folded, keys, values, mask);
        return result.view(b, plan.KeyHeads, groups, l, d).permute(0, 3, 1, 2, 4).reshape((long)b * l, plan.Heads * d);
    }

    private static torch.Tensor Seen(torch.Tensor all, CacheWindow window, int newRows)
    {
        var held = all.narrow(0, window.Start, window.Count);
        return newRows == 0 ? held : torch.cat([held, all.narrow(0, all.size(0) - newRows, newRows)], 0);
    }

    /// <returns>[B, K * G, S, D]: every key head G times in a row.</returns>
    private static torch.Tensor Repeat(torch.Tensor x, int groups)
    {
        return groups == 1 ? x : x.unsqueeze(2).expand(-1, -1, groups, -1, -1).reshape(x.size(0), x.size(1) * groups, x.size(2), x.size(3));
    }

    private static bool IsRun(ReadOnlySpan<long> rows)
    {
        for (var i = 1; i < rows.Length; i++)
        {
            if (rows[i] != rows[i - 1] + 1)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Sequences side by side, padded to the longest.</summary>
    private sealed class Layout
    {
        private readonly List<SequenceSpan> sequences;
        private readonly AttentionMask kind;
        private readonly int chunk;
        private readonly bool hasCache;

        public Layout(List<SequenceSpan> sequences, in AttentionPlan plan)
        {
            this.sequences = sequences;
            chunk = plan.ChunkSize;
            hasCache = First.Cache is not null;
            Queries = sequences.Max(s => s.QueryCount);
            NewKeys = sequences.Max(s => s.KeyCount);
            kind = plan.Mask == AttentionMask.Chunked && sequences.All(InOneChunk) ? AttentionMask.Causal : plan.Mask;
            IsTriangle = kind == AttentionMask.Causal && Queries > 1 && sequences.TrueForAll(s => s.QueryCount == s.KeyCount && (s.Cache?.Length ?? 0) == 0);
        }

        public int Count => sequences.Count;

        public SequenceSpan First => sequences[0];

        /// <summary>L.</summary>
        public int Queries { get; }

        /// <summary>S, without what a cache holds.</summary>
        public int NewKeys { get; }

        /// <summary>Whether query i sees the keys 0 to i and nothing else has to be masked: padding stands behind every real query.</summary>
        public bool IsTriangle { get; }

        /// <summary>The rows of all sequences, each padded by copies of its last row.</summary>
        /// <returns>[B * length, C].</returns>
        public torch.Tensor Rows(torch.Tensor x, int length, Func<SequenceSpan, int> row, Func<SequenceSpan, int> count, torch.Device device)
        {
            var index = new long[Count * length];
            for (var i = 0; i < Count; i++)
            {
                for (var j = 0; j < length; j++)
                {
                    index[(i * length) + j] = row(sequences[i]) + Math.Min(j, Math.Max(0, count(sequences[i]) - 1));
                }
            }

            return !IsRun(index) ? x.index_select(0, torch.tensor(index, device: device))
                : index.Length == x.size(0) ? x
                : x.narrow(0, index.Length == 0 ? 0 : index[0], index.Length);
        }

        /// <summary>True where a query may look; null: everywhere.</summary>
        public torch.Tensor? Mask(long span, torch.Device device)
        {
            var before = (int)(span - NewKeys); // positions from the cache
            if (kind == AttentionMask.Full)
            {
                return sequences.TrueForAll(s => s.KeyCount == NewKeys) ? null : Valid(device);
            }

            if (Queries == 1 && NewKeys <= 1 && kind == AttentionMask.Causal)
            {
                return null; // decoding one token: everything held is earlier
            }

            var masks = sequences.Select(s => Visible(s, before, device)).ToArray(); // [L, S] each
            return torch.stack(masks).unsqueeze(1);
        }

        private bool InOneChunk(SequenceSpan sequence)
        {
            var first = hasCache ? 0 : sequence.Position;
            return first / chunk == (sequence.Position + Math.Max(sequence.QueryCount, sequence.KeyCount) - 1) / chunk;
        }

        /// <returns>[B, 1, 1, S].</returns>
        private torch.Tensor Valid(torch.Device device)
        {
            var positions = torch.arange(NewKeys, device: device).unsqueeze(0);
            var counts = torch.tensor(sequences.Select(s => (long)s.KeyCount).ToArray(), device: device).unsqueeze(1);
            return (positions < counts).view(Count, 1, 1, NewKeys);
        }

        private torch.Tensor Visible(SequenceSpan sequence, int before, torch.Device device)
        {
            var key = torch.cat([torch.arange(before, device: device), torch.arange(sequence.Position, sequence.Position + NewKeys, device: device)], 0).unsqueeze(0);
            var firstQuery = sequence.Position + sequence.QueryOffset;
            var query = torch.arange(firstQuery, firstQuery + Queries, device: device).unsqueeze(1);
            var visible = key <= query;
            if (kind == AttentionMask.Causal)
            {
                return visible;
            }

            var size = torch.tensor((long)chunk, device: device);
            return visible & (key.div(size, torch.RoundingMode.floor) == query.div(size, torch.RoundingMode.floor));
        }
    }
}
