namespace GuardSharp.Checkpoints.Pruning;

/// <summary>What stays of a dense model.</summary>
/// <param name="Layers">Its layers, rising.</param>
internal sealed record PruningPlan(int[] Layers)
{
    /// <summary>For each layer that stays the neurons of its feed-forward, rising and as many in each; null: all.</summary>
    public IReadOnlyList<int[]>? Neurons { get; init; }

    /// <summary>The tokens whose rows of the output layer stay, rising; null: all.</summary>
    public int[]? OutputTokens { get; init; }

    /// <summary>The places of the largest numbers, rising; of equal ones the first.</summary>
    /// <param name="scores">How much each place matters.</param>
    /// <param name="count">How many are kept.</param>
    /// <exception cref="CheckpointException">A score is not a number: the model computes none on the calibration rows.</exception>
    public static int[] Best(double[] scores, int count)
    {
        if (Array.FindIndex(scores, score => !double.IsFinite(score)) is >= 0 and var place)
        {
            throw new CheckpointException($"The importance of place {place} is {scores[place]}: the model computes no finite numbers on the calibration rows. Are its files damaged?");
        }

        int[] order = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(count).Order()];
        return order;
    }
}
