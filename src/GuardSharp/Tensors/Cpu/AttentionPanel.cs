namespace GuardSharp.Tensors.Cpu;

/// <summary>Attention of one panel of queries to all their keys, a block of keys at a time: the score matrix never exists (arXiv:2205.14135).</summary>
/// <remarks>Lanes are (query, head) pairs, so highest scores and sums are taken down the columns, without any step across a vector.</remarks>
internal unsafe struct AttentionPanel
{
    /// <summary>Most keys at a time: a multiple of the tile rows; 96 scores of 32 lanes are 12 KB.</summary>
    public const int KeyBlock = 96;

    /// <summary>Rows that a tile may write behind the last one that counts.</summary>
    public const int SpareRows = 12;

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

    /// <param name="kernels">Inner loops.</param>
    /// <param name="scores">Memory that panels may share, for they attend one after the other: <see cref="ScoresLength"/> numbers.</param>
    /// <param name="scratch">Memory of its own: <see cref="ScratchLength"/> numbers.</param>
    /// <param name="plan">What is computed.</param>
    public AttentionPanel(Kernels kernels, float* scores, float* scratch, in AttentionPlan plan)
    {
        this.kernels = kernels;
        this.plan = plan;
        this.scores = scores;                                           // [KeyBlock, panelRows]
        panelRows = 2 * kernels.Lanes;
        queries = scratch;                                              // [HeadSize, panelRows]
        output = queries + (plan.HeadSize * panelRows);                 // [HeadSize, panelRows]
        highest = output + ((plan.HeadSize + SpareRows) * panelRows);   // [panelRows], as the next three
        total = highest + panelRows;
        lowestKey = total + panelRows;
        highestKey = lowestKey + panelRows;
    }

    private readonly int Group => plan.Heads / plan.KeyHeads;

    private readonly int Width => vectors * kernels.Lanes;

    /// <summary>The first position that any of its queries sees. Positions rise with the lanes: the first lane sees the lowest keys, the last one the highest.</summary>
    public readonly float FirstKey => lowestKey[0];

    /// <summary>The last position that any of its queries sees.</summary>
    public readonly float LastKey => highestKey[rows - 1];

    /// <summary>Numbers of scratch memory that a panel needs.</summary>
    public static long ScratchLength(Kernels kernels, int headSize) => 2L * kernels.Lanes * ((2 * headSize) + SpareRows + 4);

    /// <summary>Numbers of memory for the scores of a block.</summary>
    public static long ScoresLength(Kernels kernels) => 2L * kernels.Lanes * (KeyBlock + SpareRows);

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

    /// <summary>Adds the attention to a block of neighbouring keys.</summary>
    /// <param name="keys">The part of the first key that belongs to the head.</param>
    /// <param name="values">The same of the first value. The numbers up to a tile's rows behind the last one must be readable.</param>
    /// <param name="pitch">Numbers from a key, or value, to the next.</param>
    /// <param name="count">Number of keys, at most <see cref="KeyBlock"/>.</param>
    /// <param name="position">Absolute position of the first.</param>
    public readonly void Attend(float* keys, float* values, nint pitch, int count, int position)
    {
        var start = (int)Math.Max(0, FirstKey - position);
        var block = (int)Math.Min(count, Math.Max(0, LastKey - position + 1)) - start;
        if (block <= 0)
        {
            return;
        }

        position += start;
        Scores(keys + (start * pitch), block, pitch);
        if (plan.Mask != AttentionMask.Full && (position + block - 1 > highestKey[0] || position < lowestKey[rows - 1]))
        {
            kernels.Mask(scores, block, vectors, position, lowestKey, highestKey);
        }

        kernels.Softmax(scores, block, vectors, plan.Scale, highest, total, output, plan.HeadSize);
        values += start * pitch;
        for (var d = 0; d < plan.HeadSize; d += kernels.TileRows)
        {
            var factors = new TileFactors(values + d, 1, pitch);
            kernels.Tile(factors, scores, Width, block, output + (d * Width), Math.Min(kernels.TileRows, plan.HeadSize - d), vectors, true);
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
