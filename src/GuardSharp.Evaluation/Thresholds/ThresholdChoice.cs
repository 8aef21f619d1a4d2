using System.Globalization;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Evaluation.Thresholds;

/// <summary>What a threshold is chosen for.</summary>
public enum ThresholdGoal
{
    /// <summary>A given number.</summary>
    Fixed,

    /// <summary>The largest recall at a false positive rate of at most so much.</summary>
    TargetFpr,

    /// <summary>The largest F1.</summary>
    BestF1,
}

/// <summary>A threshold and where it comes from. A row is flagged when its P(unsafe) reaches it.</summary>
/// <param name="Value">The threshold, in [0, 1].</param>
/// <param name="Goal">What it was chosen for.</param>
/// <param name="TargetFpr">The false positive rate it was to keep to; null for other goals.</param>
/// <param name="Development">What it came to on the rows it was chosen on; null for a given number.</param>
public sealed record ThresholdChoice(double Value, ThresholdGoal Goal, double? TargetFpr = null, BinaryMetrics? Development = null)
{
    /// <summary>The file it was chosen on, without its folder; null for a given number.</summary>
    public string? DevelopmentFile { get; init; }

    /// <summary>True when it was chosen on the rows that are measured: the numbers are better than they will be on others.</summary>
    public bool IsOptimistic { get; init; }

    /// <summary>A given threshold.</summary>
    public static ThresholdChoice Of(double value) => new(value, ThresholdGoal.Fixed);

    /// <summary>The lowest score of the rows at which at most a share of the safe ones is flagged.</summary>
    /// <exception cref="GuardException">There are no safe rows, or even the highest score flags more.</exception>
    public static ThresholdChoice AtFpr(IReadOnlyList<JudgedSample> rows, double target)
    {
        var (levels, _, safe) = Levels(rows, "safe", row => !row.IsUnsafe);
        // Levels come from the highest score down, so what they flag only grows. 0.29 of 100 rows is 28.999... in a double.
        var most = Math.Floor((target * safe) + 1e-9);
        var fitting = levels.TakeWhile(level => level.FlaggedSafe <= most).ToList();
        return fitting.Count > 0
            ? new ThresholdChoice(fitting[^1].Score, ThresholdGoal.TargetFpr, target, MetricsAt(rows, fitting[^1].Score))
            : throw new GuardException(string.Create(CultureInfo.InvariantCulture,
                $"No threshold keeps to a false positive rate of {target}: {levels[0].FlaggedSafe} of {safe} safe development rows have the highest score, {levels[0].Score}. Give a larger --target-fpr, or more development rows."));
    }

    /// <summary>The highest score of the rows at which F1 is largest.</summary>
    /// <exception cref="GuardException">There are no unsafe rows.</exception>
    public static ThresholdChoice BestF1(IReadOnlyList<JudgedSample> rows)
    {
        var (levels, positives, _) = Levels(rows, "unsafe", row => row.IsUnsafe);
        var best = levels.MaxBy(level => 2.0 * level.FlaggedUnsafe / (positives + level.FlaggedUnsafe + level.FlaggedSafe));
        return new ThresholdChoice(best.Score, ThresholdGoal.BestF1, null, MetricsAt(rows, best.Score));
    }

    /// <summary>The rows as they are judged at the threshold: P(unsafe) alone decides.</summary>
    /// <remarks>A row that the guard passed but is flagged now has no list of categories; its likeliest one stands for it.</remarks>
    public IReadOnlyList<JudgedSample> Apply(IEnumerable<JudgedSample> rows) => [.. rows.Select(row => row with { Prediction = row.Prediction.At(Value) })];

    private static BinaryMetrics MetricsAt(IReadOnlyList<JudgedSample> rows, double threshold) =>
        BinaryMetrics.Of([.. rows.Select(row => row.IsUnsafe)], [.. rows.Select(row => row.Prediction.UnsafeProbability)], threshold);

    private static (List<ScoreLevel> Levels, long Unsafe, long Safe) Levels(IReadOnlyList<JudgedSample> rows, string needed, Func<JudgedSample, bool> isNeeded)
    {
        if (!rows.Any(isNeeded))
        {
            throw new GuardException($"The development rows hold no {needed} ones, so no threshold can be chosen on them.");
        }

        var ranking = new Ranking([.. rows.Select(row => new ScoredRow(row.IsUnsafe, row.Prediction.UnsafeProbability, row.Prediction.IsUnsafe))]);
        return ([.. ranking.Levels()], rows.LongCount(row => row.IsUnsafe), rows.LongCount(row => !row.IsUnsafe));
    }
}
