namespace GuardSharp.Evaluation.Datasets;

/// <summary>Draws the rows of an epoch: groups of one source, language and verdict are capped, so that no bulk drowns the rest.</summary>
/// <param name="groups">For each group the indices of its rows, and how many an epoch takes.</param>
internal sealed class Mixture(IReadOnlyList<(int[] Rows, int Take)> groups)
{
    /// <summary>Rows of an epoch.</summary>
    public int EpochRows => groups.Sum(group => group.Take);

    /// <summary>Groups the rows by the rules; a group that no rule fits takes all its rows once.</summary>
    public static Mixture Of(IReadOnlyList<IMixtureRow> rows, IReadOnlyList<MixtureRule> rules) => new(
        [.. rows.Index()
            .GroupBy(entry => (entry.Item.Source, entry.Item.Language, entry.Item.Unsafe, entry.Item.IsResponse))
            .Select(group => (group.Select(entry => entry.Index).ToArray(), Take(group.First().Item, group.Count(), rules)))]);

    /// <summary>The row indices of an epoch in random order.</summary>
    public int[] DrawEpoch(Random random)
    {
        var epoch = new List<int>(EpochRows);
        foreach (var (rows, take) in groups)
        {
            for (var whole = take / rows.Length; whole > 0; whole--)
                epoch.AddRange(rows);
            var rest = (int[])rows.Clone();
            random.Shuffle(rest);
            epoch.AddRange(rest.AsSpan(0, take % rows.Length));
        }

        var order = epoch.ToArray();
        random.Shuffle(order);
        return order;
    }

    private static int Take(IMixtureRow row, int count, IReadOnlyList<MixtureRule> rules)
    {
        var rule = rules.FirstOrDefault(rule =>
            (rule.Source ?? row.Source) == row.Source && (rule.Language ?? row.Language) == row.Language && (rule.Unsafe ?? row.Unsafe) == row.Unsafe);
        return rule is null ? count : Math.Min(count * rule.Repeat, rule.Rows);
    }
}
