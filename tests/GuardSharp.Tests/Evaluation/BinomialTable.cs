using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Tests.Evaluation;

/// <summary>Draws how many of n rows are hits, by the inverse of the distribution: thousands of draws cost one table.</summary>
internal sealed class BinomialTable
{
    private readonly double[] _upTo;

    public BinomialTable(int n, double rate)
    {
        _upTo = new double[n + 1];
        var (logarithm, sum) = (n * Math.Log(1 - rate), 0.0);
        for (var k = 0; k <= n; k++)
        {
            sum += Math.Exp(logarithm);
            _upTo[k] = sum;
            logarithm += k < n ? Math.Log((n - k) / (k + 1.0)) + Math.Log(rate / (1 - rate)) : 0;
        }
    }

    public int Draw(SplitMix random)
    {
        var at = Array.BinarySearch(_upTo, random.Below(int.MaxValue) / (double)int.MaxValue * _upTo[^1]);
        return Math.Min(at >= 0 ? at : ~at, _upTo.Length - 1);
    }
}
