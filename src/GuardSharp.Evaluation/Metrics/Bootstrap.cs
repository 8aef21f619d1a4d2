namespace GuardSharp.Evaluation.Metrics;

/// <summary>The percentile bootstrap (B. Efron, 1979): rows drawn with replacement, the metrics of each draw.</summary>
/// <remarks>Repeatable: the same rows, seed and number of resamples give the same draws on every machine.</remarks>
internal sealed class Bootstrap
{
    // Past this many drawn rows the intervals no longer change visibly and only the wait grows; 200 resamples are the least that give a 95 % interval.
    private const long MaxDrawnRows = 400_000_000;
    private const int MinResamples = 200;

    private Bootstrap(double?[] auroc, double?[] auprc, double?[] f1) => (Auroc, Auprc, F1) = (auroc, auprc, f1);

    /// <summary>AUROC of each draw; null where a draw lacks a class.</summary>
    public double?[] Auroc { get; }

    /// <summary>AUPRC of each draw; null where a draw lacks unsafe rows.</summary>
    public double?[] Auprc { get; }

    /// <summary>F1 of each draw.</summary>
    public double?[] F1 { get; }

    /// <summary>Draws resamples of a ranking's rows.</summary>
    public static Bootstrap Draw(Ranking ranking, int resamples, ulong seed)
    {
        var draws = (int)Math.Clamp(MaxDrawnRows / Math.Max(1, ranking.Count), Math.Min(MinResamples, resamples), resamples);
        var result = new Bootstrap(new double?[draws], new double?[draws], new double?[draws]);
        var times = new int[ranking.Count];
        var state = seed;
        for (var draw = 0; draw < draws; draw++)
        {
            Array.Clear(times);
            for (var i = 0; i < times.Length; i++)
            {
                times[(int)(((Next(ref state) >> 32) * (ulong)times.Length) >> 32)]++;
            }

            var metrics = ranking.Measure(times);
            (result.Auroc[draw], result.Auprc[draw], result.F1[draw]) = (metrics.Auroc, metrics.Auprc, metrics.F1);
        }

        return result;
    }

    /// <summary>The middle 95 % of the draws that have a value; null where fewer than half do, for then the rest is no sample of anything.</summary>
    public static Interval? IntervalOf(double?[] draws)
    {
        double[] values = [.. draws.Where(value => value.HasValue).Select(value => value!.Value)];
        return values.Length * 2 < draws.Length ? null : Interval.OfDraws(values);
    }

    /// <summary>The next number of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).</summary>
    private static ulong Next(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        var mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
