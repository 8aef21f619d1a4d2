using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Augmentation;

/// <summary>A policy and what a guard has to answer under it.</summary>
/// <param name="Policy">The categories the prompt lists.</param>
/// <param name="Unsafe">The verdict to learn.</param>
/// <param name="Categories">The violated codes of <paramref name="Policy"/>, ascending; empty for a safe row and for an unsafe one nobody labelled further.</param>
public sealed record PolicyTarget(Policy Policy, bool Unsafe, IReadOnlyList<string> Categories);

/// <summary>Changes the policy in front of a row, so that a guard learns to read it instead of knowing it by heart.</summary>
/// <remarks>
/// The three changes of Llama Guard's training (arXiv:2312.06674, kept for Llama Guard 3 Vision, arXiv:2411.10414): categories that the row does not
/// violate are dropped; all that it violates are dropped, which makes it safe; categories change their numbers. Dropping alone keeps the numbers, as
/// a narrowed policy does when it is used; after a shuffle they run from S1 without a gap. Safe from any thread with a Random of one's own.
/// </remarks>
public static class PolicyAugmentation
{
    /// <summary>Draws the policy and the target of one row for one epoch.</summary>
    /// <param name="row">The full policy and the row's label under it.</param>
    /// <param name="rates">How often each change is made. Rates of 0 give the row back as it is.</param>
    /// <param name="random">Decides. Three numbers are always drawn, so one rate does not move the dice of another.</param>
    /// <returns>A policy of at least one category, and the label under it.</returns>
    /// <exception cref="GuardException">A rate is out of range; the row is safe but names categories, or names one the policy lacks.</exception>
    public static PolicyTarget Apply(PolicyTarget row, AugmentationRates rates, Random random)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(rates);
        ArgumentNullException.ThrowIfNull(random);
        rates.Check();
        Check(row);
        var (dropViolated, dropOther, shuffle) = (random.NextDouble() < rates.DropViolated, random.NextDouble() < rates.DropOther, random.NextDouble() < rates.Shuffle);
        if (dropViolated)
            row = WithoutViolated(row);
        if (dropOther)
            row = WithoutSomeOthers(row, random);
        return shuffle ? Shuffled(row, random) : row;
    }

    // Of an unsafe row without categories nobody knows which category to drop, so it stays unsafe. A policy keeps at least one category.
    private static PolicyTarget WithoutViolated(PolicyTarget row) => row.Categories.Count == 0 || row.Categories.Count == row.Policy.Categories.Count
        ? row
        : new PolicyTarget(row.Policy.Without(row.Categories), false, []);

    private static PolicyTarget WithoutSomeOthers(PolicyTarget row, Random random)
    {
        // Any category may be the one that an unsafe row without categories violates: none is known to be another.
        if (row is { Unsafe: true, Categories.Count: 0 })
            return row;
        string[] others = [.. row.Policy.Categories.Select(category => category.Code).Where(code => !row.Categories.Contains(code))];
        var most = row.Categories.Count > 0 ? others.Length : others.Length - 1;
        if (most == 0)
            return row;
        random.Shuffle(others);
        return row with { Policy = row.Policy.Without(others[..random.Next(1, most + 1)]) };
    }

    private static PolicyTarget Shuffled(PolicyTarget row, Random random)
    {
        HazardCategory[] order = [.. row.Policy.Categories];
        random.Shuffle(order);
        var codes = order.Index().ToDictionary(entry => entry.Item.Code, entry => $"S{entry.Index + 1}");
        var policy = Policy.Create(
            row.Policy.Name,
            order.Select(category => category with { Code = codes[category.Code] }),
            row.Policy.Thresholds.ToDictionary(threshold => codes[threshold.Key], threshold => threshold.Value));
        return row with { Policy = policy, Categories = [.. policy.Categories.Select(category => category.Code).Where(row.Categories.Select(code => codes[code]).Contains)] };
    }

    private static void Check(PolicyTarget row)
    {
        if (!row.Unsafe && row.Categories.Count > 0)
            throw new GuardException($"A row is safe but names the violated categories {string.Join(", ", row.Categories)}. One of the two is wrong.");
        var unknown = row.Categories.Where(code => row.Policy.Categories.All(category => category.Code != code)).ToList();
        if (unknown.Count > 0)
        {
            throw new GuardException(
                $"A row names {string.Join(", ", unknown)}, but the policy \"{row.Policy.Name}\" has {string.Join(", ", row.Policy.Categories.Select(category => category.Code))}. Leave the row out, or give the whole policy.");
        }
    }
}
