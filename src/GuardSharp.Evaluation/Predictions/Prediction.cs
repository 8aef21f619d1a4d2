using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>What a guard said about one row.</summary>
/// <param name="IsUnsafe">The verdict.</param>
/// <param name="UnsafeProbability">P(unsafe), in [0, 1].</param>
/// <param name="Categories">Codes of the violated categories, in the guard's order.</param>
/// <param name="CategoryProbabilities">Probability of each category of the policy by its code, in [0, 1].</param>
public sealed record Prediction(
    bool IsUnsafe, double UnsafeProbability, IReadOnlyList<string> Categories, IReadOnlyDictionary<string, double> CategoryProbabilities)
{
    /// <summary>What stands for an answer that was neither safe nor unsafe: never safe.</summary>
    public static Prediction Unreadable { get; } = new(true, 1, [], new Dictionary<string, double>()) { IsUnreadable = true };

    /// <summary>Whether the guard's answer was neither safe nor unsafe; it counts as unsafe.</summary>
    public bool IsUnreadable { get; init; }

    /// <summary>The prediction with the verdict that a threshold gives, in [0, 1]. Thresholds of single categories do not count.</summary>
    public Prediction At(double threshold)
    {
        var isUnsafe = UnsafeProbability >= threshold;
        return isUnsafe == IsUnsafe ? this : this with { IsUnsafe = isUnsafe, Categories = isUnsafe ? Likeliest() : [] };
    }

    // A verdict of safe lists no categories: how the list would have gone on is not known, only how likely each category is.
    private string[] Likeliest() => CategoryProbabilities.Any(pair => pair.Value > 0) ? [CategoryProbabilities.MaxBy(pair => pair.Value).Key] : [];
}

/// <summary>A guard as the evaluation needs it: judges conversations and answers in their order.</summary>
/// <param name="conversations">A few conversations, images loaded.</param>
/// <param name="cancellationToken">Stops the work.</param>
public delegate Task<IReadOnlyList<Prediction>> Judge(IReadOnlyList<Conversation> conversations, CancellationToken cancellationToken);

/// <summary>How far a run is.</summary>
/// <param name="Done">Rows judged.</param>
/// <param name="Total">Rows of the file.</param>
public readonly record struct RowProgress(long Done, long Total);
