namespace GuardSharp.Evaluation.Metrics;

/// <summary>Score bins of equal width over [0, 1], the last with its upper end: what calibration is told by.</summary>
internal static class CalibrationBins
{
    /// <summary>Number of bins.</summary>
    public const int Count = 10;

    /// <summary>The bin of a score in [0, 1].</summary>
    public static int Of(double score) => Math.Min((int)(score * Count), Count - 1);

    /// <summary>Expected calibration error (M. P. Naeini, G. F. Cooper, M. Hauskrecht, 2015) from what fell into each bin; null where nothing did.</summary>
    /// <param name="rows">Rows of each bin.</param>
    /// <param name="unsafeRows">Unsafe rows of each bin.</param>
    /// <param name="scores">Sum of the scores of each bin.</param>
    public static double? Error(ReadOnlySpan<long> rows, ReadOnlySpan<long> unsafeRows, ReadOnlySpan<double> scores)
    {
        var (distance, all) = (0.0, 0L);
        for (var bin = 0; bin < rows.Length; bin++)
        {
            // The share of rows times the distance of the means: the rows of the bin cancel out.
            distance += Math.Abs(scores[bin] - unsafeRows[bin]);
            all += rows[bin];
        }

        return all == 0 ? null : distance / all;
    }
}
