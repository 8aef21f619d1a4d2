using System.Text.Json;
using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Tests.Evaluation;

public sealed class BinaryMetricsTests
{
    // Both sides are sums of the same few rationals in another order: a few units in the last place.
    private const double Rounding = 1e-13;

    public static TheoryData<int> GoldenCases => [.. Enumerable.Range(0, Golden().GetArrayLength())];

    [Theory]
    [MemberData(nameof(GoldenCases))]
    public void Metrics_equal_those_of_the_reference(int index)
    {
        var golden = Golden()[index];
        bool[] truth = [.. golden.GetProperty("unsafe").EnumerateArray().Select(value => value.GetInt32() == 1)];
        double[] scores = [.. golden.GetProperty("score").EnumerateArray().Select(value => value.GetDouble())];
        var expected = golden.GetProperty("expected");

        var metrics = BinaryMetrics.Of(truth, scores, golden.GetProperty("threshold").GetDouble());

        Assert.Equal(
            [Count(expected, "tp"), Count(expected, "fp"), Count(expected, "tn"), Count(expected, "fn")],
            new[] { metrics.TruePositives, metrics.FalsePositives, metrics.TrueNegatives, metrics.FalseNegatives });
        Near(expected, "auroc", metrics.Auroc);
        Near(expected, "auprc", metrics.Auprc);
        Near(expected, "precision", metrics.Precision);
        Near(expected, "recall", metrics.Recall);
        Near(expected, "f1", metrics.F1);
        Near(expected, "fpr", metrics.FalsePositiveRate);
    }

    [Fact]
    public void Metrics_equal_a_brute_force_count_on_random_sets_with_ties()
    {
        // 1,000 sets; the brute force sums the same rationals in another order.
        var random = new Random(7);
        for (var round = 0; round < 1000; round++)
        {
            var levels = random.Next(1, 30);
            var unsafeShare = random.NextDouble();
            ScoredRow[] rows = [.. Enumerable.Range(0, random.Next(1, 120)).Select(_ =>
            {
                var score = random.Next(levels) / (double)levels;
                return new ScoredRow(random.NextDouble() < unsafeShare, score, score >= 0.5);
            })];

            var metrics = BinaryMetrics.Of(rows);

            Near(BruteForce.Auroc(rows), metrics.Auroc);
            Near(BruteForce.Auprc(rows), metrics.Auprc);
            Near(BruteForce.RecallAtFpr(rows, 0.01), metrics.RecallAtFpr1);
            Near(BruteForce.RecallAtFpr(rows, 0.05), metrics.RecallAtFpr5);
            Near(BruteForce.CalibrationError(rows), metrics.CalibrationError);
            Near(BruteForce.Rate(rows.Where(row => row.Flagged), row => row.IsUnsafe), metrics.Precision);
            Near(BruteForce.Rate(rows.Where(row => row.IsUnsafe), row => row.Flagged), metrics.Recall);
            Near(BruteForce.Rate(rows.Where(row => !row.IsUnsafe), row => row.Flagged), metrics.FalsePositiveRate);
            Near(BruteForce.F1(rows), metrics.F1);
            Assert.Equal(rows.Count(row => row.IsUnsafe && row.Flagged), metrics.TruePositives);
            Assert.Equal(rows.Count(row => !row.IsUnsafe && !row.Flagged), metrics.TrueNegatives);
            Assert.Equal(rows.Length, metrics.Rows);
        }
    }

    [Fact]
    public void A_resample_equals_the_same_rows_written_out()
    {
        var random = new Random(8);
        ScoredRow[] rows = [.. Enumerable.Range(0, 40).Select(i => new ScoredRow(random.Next(2) == 0, random.Next(9), random.Next(2) == 0))];
        int[] times = [.. rows.Select(_ => random.Next(4))];

        var resampled = new Ranking(rows).Measure(times);

        var writtenOut = rows.SelectMany((row, i) => Enumerable.Repeat(row, times[i])).ToArray();
        Assert.Equal(BinaryMetrics.Of(writtenOut).Rows, resampled.Rows);
        Near(BruteForce.Auroc(writtenOut), resampled.Auroc);
        Near(BruteForce.Auprc(writtenOut), resampled.Auprc);
    }

    [Fact]
    public void What_is_undefined_is_null()
    {
        var safeOnly = BinaryMetrics.Of([false, false], [0.1, 0.2], 0.5);
        Assert.Equal((null, null, null, null, null), (safeOnly.Auroc, safeOnly.Auprc, safeOnly.Precision, safeOnly.Recall, safeOnly.F1));
        Assert.Equal((null, null), (safeOnly.RecallAtFpr1, safeOnly.RecallAtFpr5));
        Assert.Null(BinaryMetrics.Of([]).CalibrationError);
        Assert.Null(BinaryMetrics.Of([true, false], [7.0, -1.0], 0).CalibrationError);
        Assert.Equal(0, safeOnly.FalsePositiveRate);

        var unsafeOnly = BinaryMetrics.Of([true], [0.9], 0.5);
        Assert.Equal((null, null), (unsafeOnly.Auroc, unsafeOnly.FalsePositiveRate));
        Assert.Equal((1, 1, 1), (unsafeOnly.Precision, unsafeOnly.Recall, unsafeOnly.F1));
    }

    [Fact]
    public void A_score_that_is_no_number_is_an_error() =>
        Assert.Throws<GuardException>(() => BinaryMetrics.Of([true, false], [double.NaN, 0.5], 0.5));

    private static JsonElement Golden()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("metrics", "binary.json")));
        return document.RootElement.GetProperty("cases").Clone();
    }

    private static long Count(JsonElement expected, string name) => expected.GetProperty(name).GetInt64();

    private static void Near(JsonElement expected, string name, double? actual) => Near(expected.GetProperty(name).GetDouble(), actual);

    private static void Near(double? expected, double? actual)
    {
        Assert.Equal(expected is null, actual is null);
        Assert.Equal(expected ?? 0, actual ?? 0, Rounding);
    }

    /// <summary>The definitions, written as they read.</summary>
    private static class BruteForce
    {
        public static double? Rate(IEnumerable<ScoredRow> among, Func<ScoredRow, bool> hit) => among.Any() ? among.Average(row => hit(row) ? 1.0 : 0.0) : null;

        public static double? F1(ScoredRow[] rows)
        {
            var (precision, recall) = (Rate(rows.Where(row => row.Flagged), row => row.IsUnsafe), Rate(rows.Where(row => row.IsUnsafe), row => row.Flagged));
            return precision is null && recall is null ? null
                : precision is null || recall is null || precision + recall == 0 ? 0
                : 2 * precision * recall / (precision + recall);
        }

        public static double? RecallAtFpr(ScoredRow[] rows, double rate)
        {
            var (bad, good) = (rows.Where(row => row.IsUnsafe).ToList(), rows.Where(row => !row.IsUnsafe).ToList());
            if (bad.Count == 0 || good.Count == 0)
            {
                return null;
            }

            // 2 flags nothing: scores are at most 1.
            return rows.Select(row => row.Score).Append(2)
                .Where(threshold => good.Count(row => row.Score >= threshold) <= (rate * good.Count) + 1e-12)
                .Max(threshold => bad.Average(row => row.Score >= threshold ? 1.0 : 0.0));
        }

        public static double? CalibrationError(ScoredRow[] rows) => Enumerable.Range(0, 10)
            .Select(bin => rows.Where(row => bin == 9 ? row.Score * 10 >= 9 : row.Score * 10 >= bin && row.Score * 10 < bin + 1).ToList())
            .Where(inBin => inBin.Count > 0)
            .Sum(inBin => (double)inBin.Count / rows.Length * Math.Abs(inBin.Average(row => row.Score) - inBin.Average(row => row.IsUnsafe ? 1.0 : 0.0)));

        public static double? Auroc(ScoredRow[] rows)
        {
            var pairs = rows.Where(row => row.IsUnsafe).SelectMany(_ => rows.Where(row => !row.IsUnsafe), (bad, good) => bad.Score.CompareTo(good.Score)).ToList();
            return pairs.Count == 0 ? null : pairs.Average(order => order > 0 ? 1.0 : order == 0 ? 0.5 : 0.0);
        }

        public static double? Auprc(ScoredRow[] rows)
        {
            double positives = rows.Count(row => row.IsUnsafe);
            if (positives == 0)
            {
                return null;
            }

            var (sum, recallBefore) = (0.0, 0.0);
            foreach (var threshold in rows.Select(row => row.Score).Distinct().OrderDescending())
            {
                var flagged = rows.Where(row => row.Score >= threshold).ToList();
                double hits = flagged.Count(row => row.IsUnsafe);
                sum += ((hits / positives) - recallBefore) * (hits / flagged.Count);
                recallBefore = hits / positives;
            }

            return sum;
        }
    }
}
