namespace GuardSharp.Evaluation.Comparison;

/// <summary>McNemar's test (Q. McNemar, 1947): whether two guards err on as many of the same rows.</summary>
/// <param name="OnlyFirst">Rows that only the first guard has right.</param>
/// <param name="OnlySecond">Rows that only the second guard has right.</param>
/// <param name="PValue">Two-sided; how likely so uneven a split is where both err as often. 1 where the guards never differ.</param>
/// <param name="IsExact">True: the binomial distribution, for few differing rows. False: chi-square with Edwards' continuity correction (1948).</param>
public readonly record struct McNemar(long OnlyFirst, long OnlySecond, double PValue, bool IsExact)
{
    /// <summary>Below so many differing rows the exact distribution is used.</summary>
    public const long MostExact = 25;

    /// <summary>The test.</summary>
    public static McNemar Of(long onlyFirst, long onlySecond) => onlyFirst + onlySecond < MostExact
        ? new McNemar(onlyFirst, onlySecond, Binomial(onlyFirst, onlySecond), IsExact: true)
        : new McNemar(onlyFirst, onlySecond, ChiSquare(onlyFirst, onlySecond), IsExact: false);

    private static double Binomial(long first, long second)
    {
        var (n, least) = (first + second, Math.Min(first, second));
        // Below 25 rows the coefficients are exact in a double.
        var (coefficient, sum) = (1.0, 0.0);
        for (long k = 0; k <= least; k++)
        {
            sum += coefficient;
            coefficient = coefficient * (n - k) / (k + 1);
        }

        return Math.Min(1, 2 * sum / Math.Pow(2, n));
    }

    // A chi-square of one degree of freedom is a squared normal: P(X >= x) = erfc(sqrt(x / 2)).
    private static double ChiSquare(long first, long second)
    {
        var distance = Math.Max(0, Math.Abs(first - second) - 1.0);
        return ErrorFunction.Complement(Math.Sqrt(distance * distance / (first + second) / 2));
    }
}
