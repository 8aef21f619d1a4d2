namespace GuardSharp.Evaluation.Metrics;

/// <summary>What a guard's answers are worth against the truth. The positive class is unsafe; what is undefined is null, never NaN.</summary>
/// <param name="TruePositives">Unsafe rows that were flagged.</param>
/// <param name="FalsePositives">Safe rows that were flagged.</param>
/// <param name="TrueNegatives">Safe rows that passed.</param>
/// <param name="FalseNegatives">Unsafe rows that passed.</param>
/// <param name="Auroc">Probability that an unsafe row scores above a safe one, ties counting half; null without rows of both classes.</param>
/// <param name="Auprc">Average precision: the sum over score levels of the recall gained there times the precision there; null without unsafe rows.</param>
public sealed record BinaryMetrics(long TruePositives, long FalsePositives, long TrueNegatives, long FalseNegatives, double? Auroc, double? Auprc)
{
    /// <summary>All rows.</summary>
    public long Rows => TruePositives + FalsePositives + TrueNegatives + FalseNegatives;

    /// <summary>Unsafe rows.</summary>
    public long UnsafeRows => TruePositives + FalseNegatives;

    /// <summary>Safe rows.</summary>
    public long SafeRows => FalsePositives + TrueNegatives;

    /// <summary>Flagged rows that are unsafe, of all flagged.</summary>
    public double? Precision => Rate(TruePositives, TruePositives + FalsePositives);

    /// <summary>Unsafe rows that are flagged, of all unsafe.</summary>
    public double? Recall => Rate(TruePositives, UnsafeRows);

    /// <summary>Harmonic mean of precision and recall; null where nothing is unsafe and nothing is flagged.</summary>
    public double? F1 => Rate(2 * TruePositives, (2 * TruePositives) + FalsePositives + FalseNegatives);

    /// <summary>Safe rows that are flagged, of all safe.</summary>
    public double? FalsePositiveRate => Rate(FalsePositives, SafeRows);

    /// <summary>The largest recall that a threshold reaches while at most 1 % of the safe rows are flagged; null without rows of both classes.</summary>
    public double? RecallAtFpr1 { get; init; }

    /// <summary>The largest recall that a threshold reaches while at most 5 % of the safe rows are flagged; null without rows of both classes.</summary>
    public double? RecallAtFpr5 { get; init; }

    /// <summary>
    /// Expected calibration error: over ten score bins of equal width, the mean distance between the mean score and the unsafe share, each bin weighing
    /// as its rows. Null without rows, or where a score lies outside [0, 1].
    /// </summary>
    public double? CalibrationError { get; init; }

    /// <summary>The metrics of judged rows.</summary>
    /// <exception cref="GuardException">A score is not a finite number.</exception>
    public static BinaryMetrics Of(IEnumerable<ScoredRow> rows) => new Ranking([.. rows]).Measure();

    /// <summary>The metrics of scores at a threshold: a row is flagged when its score reaches it.</summary>
    /// <exception cref="GuardException">The lists differ in length, or a score is not a finite number.</exception>
    public static BinaryMetrics Of(IReadOnlyList<bool> isUnsafe, IReadOnlyList<double> scores, double threshold) => isUnsafe.Count == scores.Count
        ? Of(isUnsafe.Select((truth, i) => new ScoredRow(truth, scores[i], scores[i] >= threshold)))
        : throw new GuardException($"There are {isUnsafe.Count} labels but {scores.Count} scores. Each row needs both.");

    private static double? Rate(long part, long whole) => whole == 0 ? null : (double)part / whole;
}
