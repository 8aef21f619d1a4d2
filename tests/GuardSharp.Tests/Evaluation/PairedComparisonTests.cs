using GuardSharp.Evaluation.Comparison;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;
using static GuardSharp.Tests.Evaluation.ReportPropertyTests;

namespace GuardSharp.Tests.Evaluation;

public sealed class PairedComparisonTests
{
    [Theory]
    // Exact: the binomial sum in whole numbers. Chi-square: the C library's erfc(sqrt(x / 2)), x with the continuity correction.
    [InlineData(0, 0, 1.0)]
    [InlineData(1, 9, 0.021484375)]
    [InlineData(10, 10, 1.0)]
    [InlineData(0, 6, 0.03125)]
    [InlineData(5, 25, 0.0005225753951242474)]
    [InlineData(30, 31, 1.0)]
    [InlineData(86, 150, 4.1145622813459415e-05)]
    public void McNemar_gives_published_p_values(long first, long second, double p)
    {
        Assert.Equal(p, McNemar.Of(first, second).PValue, p * 1e-12);
        Assert.Equal(McNemar.Of(first, second).PValue, McNemar.Of(second, first).PValue);
        Assert.Equal(first + second < 25, McNemar.Of(first, second).IsExact);
    }

    [Theory]
    // The C library's erfc.
    [InlineData(0, 1)]
    [InlineData(0.5, 0.4795001221869535)]
    [InlineData(1, 0.15729920705028513)]
    [InlineData(2.4999, 0.0004071699003334514)]
    [InlineData(2.5001, 0.0004067342434706798)]
    [InlineData(5, 1.5374597944280349e-12)]
    public void The_complementary_error_function_is_exact_on_both_sides_of_its_seam(double x, double expected) =>
        Assert.Equal(expected, ErrorFunction.Complement(x), expected * 1e-12);

    [Fact]
    public void A_guard_against_itself_differs_by_nothing()
    {
        var rows = Rows(0);
        var comparison = PairedComparison.Of(rows, rows, new ReportOptions(Resamples: 50));
        foreach (var (name, metric) in comparison.Metrics)
        {
            Assert.True(metric.Difference is { Value: 0, Interval: { Low: 0, High: 0 } }, name);
        }

        Assert.Equal(1, comparison.Tests["all"].PValue);
    }

    [Fact]
    public void A_better_guard_is_found_better_and_the_counts_are_those_by_hand()
    {
        var (worse, better) = (Rows(0.45), Rows(0));
        var comparison = PairedComparison.Of(worse, better, new ReportOptions(Resamples: 300));

        Assert.Equal((200, 100, 100), (comparison.Rows, comparison.UnsafeRows, comparison.SafeRows));
        Assert.Equal(0, comparison.Tests["all"].OnlyFirst);
        Assert.Equal(worse.Count(row => row.IsUnsafe && !row.Prediction.IsUnsafe), comparison.Tests["unsafe"].OnlySecond);
        Assert.True(comparison.Metrics["recall"].Difference.Interval!.Value.Low > 0);
        Assert.Equal(comparison.Metrics["f1"].Second - comparison.Metrics["f1"].First, comparison.Metrics["f1"].Difference.Value);
        Assert.InRange(comparison.MeanAurocOverSources.Difference.Value!.Value, 0.001, 1);
    }

    [Fact]
    public void Rows_match_by_id_and_strangers_are_an_error()
    {
        using var folder = new TemporaryFolder();
        var rows = folder.Write("rows.jsonl", """{"id":"a","messages":[{"role":"user","content":"x"}],"unsafe":true}""" + "\n" + """{"id":"b","messages":[{"role":"user","content":"x"}],"unsafe":false}""" + "\n");
        string Predictions(string name, params string[] ids) => folder.Write(name, string.Concat(ids.Select(id => $$"""{"id":"{{id}}","unsafe":{{(id == "a" ? "true" : "false")}},"unsafeProbability":{{(id == "a" ? 0.9 : 0.1)}}}""" + "\n")));
        var right = Predictions("right.jsonl", "b", "a");

        Assert.Equal(1, PairedComparison.OfFiles(rows, right, Predictions("same.jsonl", "a", "b")).Metrics["auroc"].First);

        Assert.Contains("rows.jsonl:2", Refused(Predictions("less.jsonl", "a")));
        Assert.Contains("more.jsonl:3", Refused(Predictions("more.jsonl", "a", "b", "c")));
        Assert.Contains("twice.jsonl:3: the id of", Refused(Predictions("twice.jsonl", "a", "b", "a")));

        string Refused(string file) => Assert.Throws<SampleFileException>(() => PairedComparison.OfFiles(rows, right, file)).Message;
    }

    // The penalty moves every fourth unsafe row below the threshold.
    private static List<JudgedSample> Rows(double penalty) => [.. Enumerable.Range(0, 200).Select(i =>
        Row(i % 2 == 0, [], (i % 2 == 0 ? 0.9 : 0.3) - (i % 8 == 0 ? penalty + 0.2 : 0) + (i % 5 * 0.01)) with { Id = $"r{i}" })];
}
