namespace GuardSharp.Evaluation.Metrics;

/// <summary>A 95 % interval.</summary>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Low, double High)
{
    // The 97.5 % quantile of the normal distribution.
    private const double Z = 1.959963984540054;

    /// <summary>Wilson's score interval of a rate (E. B. Wilson, 1927): right for small counts and for rates of 0 and 1.</summary>
    /// <param name="hits">Rows that count, 0 to <paramref name="n"/>.</param>
    /// <param name="n">All rows; 0 gives null, for there is no rate.</param>
    public static Interval? Wilson(long hits, long n)
    {
        if (n == 0)
        {
            return null;
        }

        var rate = (double)hits / n;
        var scale = 1 + (Z * Z / n);
        var centre = (rate + (Z * Z / (2 * n))) / scale;
        var half = Z * Math.Sqrt((rate * (1 - rate) / n) + (Z * Z / (4.0 * n * n))) / scale;
        return new Interval(hits == 0 ? 0 : Math.Max(0, centre - half), hits == n ? 1 : Math.Min(1, centre + half));
    }

    /// <summary>The middle 95 % of draws, the ends interpolated; null where no draw is given.</summary>
    /// <param name="draws">Values in any order; sorted in place.</param>
    internal static Interval? OfDraws(Span<double> draws)
    {
        if (draws.IsEmpty)
        {
            return null;
        }

        draws.Sort();
        return new Interval(Quantile(draws, 0.025), Quantile(draws, 0.975));
    }

    private static double Quantile(ReadOnlySpan<double> sorted, double level)
    {
        var place = level * (sorted.Length - 1);
        var below = (int)place;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }
}
