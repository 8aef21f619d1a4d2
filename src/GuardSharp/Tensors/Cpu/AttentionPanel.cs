namespace GuardSharp.Tensors.Cpu;

/// <summary>Attention of one panel of queries to all their keys, a block of keys at a time: the score matrix never exists (arXiv:2205.14135).</summary>
/// <remarks>Lanes are (query, head) pairs, so highest scores and sums are taken down the columns, without any step across a vector.</remarks>
internal unsafe ref struct AttentionPanel
{
    /// <summary>Keys per block: a multiple of the tile rows; 96 scores of 32 lanes are 12 KB.</summary>
    private const int KeyBlock = 96;

    /// <summary>Rows that a tile may write behind the last one that counts.</summary>
    private const int SpareRows = 12;

    private readonly Kernels kernels;
    private readonly AttentionPlan plan;
    private readonly int panelRows;
    private readonly float* queries;
    private readonly float* scores;
    private readonly float* output;
    private readonly float* highest;
    private readonly float* total;
    private readonly float* lowestKey;
    private readonly float* highestKey;
    private SequenceSpan span;
    private int firstRow;
    private int keyHead;
    private int rows;
    private int vectors;

    public AttentionPanel(Kernels kernels, float* scratch, in AttentionPlan plan)
    {
        this.kernels = kernels;
        this.plan = plan;
        panelRows = 2 * kernels.Lanes;
        queries = scratch;                                              // [HeadSize, panelRows]
        scores = queries + (plan.HeadSize * panelRows);                 // [KeyBlock, panelRows]
        output = scores + ((KeyBlock + SpareRows) * panelRows);         // [HeadSize, panelRows]
        highest = output + ((plan.HeadSize + SpareRows) * panelRows);   // [panelRows], as the next three
        total = highest + panelRows;
        lowestKey = total + panelRows;
        highestKey = lowestKey + panelRows;
    }

    private readonly int Group => plan.Heads / plan.KeyHeads;

    private readonly int Width => vectors * kernels.Lanes;

    /// <summary>Numbers of scratch memory that a panel needs.</summary>
    public static long ScratchLength(Kernels kernels, int headSize) => 2L * kernels.Lanes * ((2 * headSize) + KeyBlock + (2 * SpareRows) + 4);

    /// <summary>Takes the queries of the (query, head) pairs from <paramref name="first"/> on.</summary>
    public void Begin(float* q, in SequenceSpan sequence, int head, int first)
    {
        (span, keyHead, firstRow) = (sequence, head, first);
        rows = Math.Min(panelRows, (span.QueryCount * Group) - first);
        vectors = rows > kernels.Lanes ? 2 : 1;
        var addresses = Addresses(q);
        Transposition.Pack(addresses.Span, plan.HeadSize, queries, Width);
        new Span<float>(output, plan.HeadSize * Width).Clear();
        new Span<float>(highest, Width).Fill(Kernels.NoKey);
        new Span<float>(total, Width).Clear();
        for (var lane = 0; lane < Width; lane++)
        {
            // Unused lanes do what the last one does. Positions stay below 2^24, where float32 counts exactly.
            var position = span.Position + span.QueryOffset + ((first + Math.Min(lane, rows - 1)) / Group);
            lowestKey[lane] = plan.Mask == AttentionMask.Chunked ? position / plan.ChunkSize * plan.ChunkSize : 0;
            highestKey[lane] = plan.Mask == AttentionMask.Full ? float.MaxValue : position;
        }
    }

    /// <summary>Adds the attention to neighbouring keys.</summary>
    /// <param name="keys">The part of the first key that belongs to the head.</param>
    /// <param name="values">The same of the first value.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="position">Absolute position of the first.</param>
    public readonly void Attend(float* keys, float* values, int count, int position)
    {
        // Positions rise with the lanes: the first lane sees the lowest keys, the last one the highest.
        var start = (int)Math.Max(0, lowestKey[0] - position);
        var end = (int)Math.Min(count, Math.Max(0, highestKey[rows - 1] - position + 1));
        nint pitch = plan.KeyHeads * plan.HeadSize;
        for (var key = start; key < end; key += KeyBlock)
        {
            var block = Math.Min(KeyBlock, end - key);
            Scores(keys + (key * pitch), block, pitch);
            if (plan.Mask != AttentionMask.Full && (position + key + block - 1 > highestKey[0] || position + key < lowestKey[rows - 1]))
            {
                kernels.Mask(scores, block, vectors, position + key, lowestKey, highestKey);
            }

            kernels.Softmax(scores, block, vectors, plan.Scale, highest, total, output, plan.HeadSize);
            for (var d = 0; d < plan.HeadSize; d += kernels.TileRows)
            {
                var factors = new TileFactors(values + (key * pitch) + d, 1, pitch);
                kernels.Tile(factors, scores, Width, block, output + (d * Width), Math.Min(kernels.TileRows, plan.HeadSize - d), vectors, true);
            }
        }
    }

    /// <summary>Writes the result.</summary>
    public void End(float* y)
    {
        for (var lane = 0; lane < Width; lane++)
        {
            // A query that saw no key has the mean of nothing: zero.
            total[lane] = highest[lane] <= Kernels.NoKey / 2 ? 0 : 1 / total[lane];
        }

        for (var d = 0; d < plan.HeadSize; d++)
        {
            kernels.Elementwise(Element.Multiply, output + (d * Width), total, output + (d * Width), Width);
        }

        var addresses = Addresses(y);
        Transposition.Unpack(output, Width, plan.HeadSize, null, addresses.Span);
    }

    /// <summary>Scores of a block of keys. A tile never reads keys that do not exist: the last one overlaps the one before, or repeats single keys.</summary>
    private readonly void Scores(float* keys, int count, nint pitch)
    {
        for (var key = 0; key < count;)
        {
            var size = count - key >= kernels.TileRows ? kernels.TileRows : 4;
            var exists = count >= size;
            var first = exists ? Math.Min(key, count - size) : key;
            var factors = new TileFactors(keys + (first * pitch), exists ? pitch : 0, 1);
            kernels.Tile(factors, queries, Width, plan.HeadSize, scores + (first * Width), size, vectors, false);
            key = exists ? first + size : key + 1;
        }
    }

    /// <summary>Where the rows of the panel's lanes lie in q or y.</summary>
    private readonly RowAddresses Addresses(float* matrix)
    {
        // The heads of a group are neighbours, so pair i of the sequence is at head i % group of query i / group.
        var width = plan.Heads * plan.HeadSize;
        var start = matrix + ((long)span.QueryRow * width) + (keyHead * Group * plan.HeadSize);
        return new RowAddresses(start, firstRow, rows, Group, width, plan.HeadSize);
    }
}
