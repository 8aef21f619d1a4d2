namespace GuardSharp.Lab.Training.Vision;

/// <summary>Which token each vision token of a batch is asked for, among candidates: the batch's own tokens and some at random.</summary>
internal sealed class TokenTargets
{
    private const int RandomCandidates = 500;

    private readonly List<float> _shares = [];

    /// <param name="batch">The pictures, their tiles one after the other.</param>
    /// <param name="cellsPerTile">Vision tokens of a tile.</param>
    /// <param name="vocabulary">Number of ids.</param>
    /// <param name="random">The source of chance.</param>
    public TokenTargets(IReadOnlyList<ReadingSample> batch, int cellsPerTile, int vocabulary, Random random)
    {
        var (cells, columns, candidates, columnOf) = (new List<long>(), new List<long>(), new List<long>(), new Dictionary<int, int>());
        int Column(int id)
        {
            if (columnOf.TryAdd(id, candidates.Count + 1))
                candidates.Add(id);
            return columnOf[id];
        }

        var firstCell = 0;
        foreach (var sample in batch)
        {
            var perCell = sample.Tokens.ToLookup(t => t.Cell, t => t.Id);
            for (var cell = 0; cell < sample.Tiles.Tiles * cellsPerTile; cell++)
            {
                if (!sample.AskedTiles[cell / cellsPerTile])
                    continue;
                var ids = perCell[cell].ToArray();
                foreach (var id in ids)
                {
                    cells.Add(firstCell + cell);
                    columns.Add(Column(id));
                    _shares.Add(1f / ids.Length);
                }

                if (ids.Length == 0)
                {
                    cells.Add(firstCell + cell);
                    columns.Add(0);
                    _shares.Add(1);
                }
            }

            firstCell += sample.Tiles.Tiles * cellsPerTile;
        }

        for (var i = 0; i < RandomCandidates; i++)
            Column(random.Next(vocabulary));
        (Cells, Columns, Candidates) = ([.. cells], [.. columns], [.. candidates]);
    }

    /// <summary>Rows of the vision tokens; one with several tokens comes several times.</summary>
    public long[] Cells { get; }

    /// <summary>The wanted column for each of <see cref="Cells"/>: 0 for nothing, 1 + the index of a candidate.</summary>
    public long[] Columns { get; }

    /// <summary>Token ids that compete.</summary>
    public long[] Candidates { get; }

    /// <summary>The weight of each of <see cref="Cells"/>: a cell's tokens share it, and nothing weighs less.</summary>
    public float[] Weights(float nothing) => [.. _shares.Select((share, i) => Columns[i] == 0 ? nothing : share)];
}
