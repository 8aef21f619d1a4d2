namespace GuardSharp.Evaluation.Comparison;

/// <summary>The complementary error function, to about 14 digits.</summary>
internal static class ErrorFunction
{
    // Below it the series is short and exact enough; above it the continued fraction converges in a few dozen steps.
    private const double SeriesEnd = 2.5;
    private const int Steps = 80;

    /// <summary>erfc(x) for x of at least 0.</summary>
    public static double Complement(double x) => x < SeriesEnd ? 1 - Series(x) : Fraction(x);

    /// <summary>erf(x) = 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)): all terms positive, so nothing cancels (Abramowitz and Stegun 7.1.6).</summary>
    private static double Series(double x)
    {
        var (term, sum) = (x, x);
        for (var n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>erfc(x) = e^(-x^2)/sqrt(pi) / (x + (1/2)/(x + (2/2)/(x + (3/2)/(x + ...)))), from the far end (Abramowitz and Stegun 7.1.14).</summary>
    private static double Fraction(double x)
    {
        var tail = x;
        for (var n = Steps; n >= 1; n--)
        {
            tail = x + (n / 2.0 / tail);
        }

        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / tail;
    }
}
