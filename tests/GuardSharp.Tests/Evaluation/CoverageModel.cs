using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Tests.Evaluation;

/// <summary>Rows whose true metrics are known: a third is unsafe; safe scores are uniform on [0, 1], unsafe ones are the square root of such a number.</summary>
internal static class CoverageModel
{
    private const double Threshold = 0.6;

    /// <summary>P(sqrt(U) > V) = E[sqrt(U)] = 2/3.</summary>
    public const double Auroc = 2.0 / 3;

    /// <summary>Recall is 1 - .36 and the false positive rate .4 at .6; with a third unsafe F1 = 2 tp / (2 tp + fp + fn).</summary>
    public const double F1 = 2 * (0.64 / 3) / ((2 * (0.64 / 3)) + (0.4 * 2 / 3) + (0.36 / 3));

    /// <summary>At 5 % the threshold is .95, and P(sqrt(U) >= .95) = 1 - .95^2.</summary>
    public const double RecallAtFpr5 = 1 - (0.95 * 0.95);

    /// <summary>The area below precision over recall: at a threshold t recall is 1 - t^2, and precision (1 - t^2) / (1 - t^2 + 2 (1 - t)) = (1 + t) / (3 + t); integrated over 2t dt.</summary>
    public static double Auprc { get; } = 2 * (0.5 - 2 + (6 * Math.Log(4.0 / 3)));

    public static ScoredRow[] Rows(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        var isUnsafe = random.Next(3) == 0;
        var score = isUnsafe ? Math.Sqrt(random.NextDouble()) : random.NextDouble();
        return new ScoredRow(isUnsafe, score, score >= Threshold);
    })];
}
