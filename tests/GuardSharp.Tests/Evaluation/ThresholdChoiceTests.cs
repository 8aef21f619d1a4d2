using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Thresholds;
using static GuardSharp.Tests.Evaluation.ReportPropertyTests;

namespace GuardSharp.Tests.Evaluation;

public sealed class ThresholdChoiceTests
{
    [Fact]
    public void Every_choice_is_the_best_of_all_thresholds_by_brute_force()
    {
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            // 0.95 is above every safe score: some threshold always keeps to the rate.
            List<JudgedSample> rows = [Row(true, [], 0.95), Row(false, [], 0.1), .. Enumerable.Range(0, random.Next(1, 60)).Select(_ => Row(random.Next(2) == 0, [], random.Next(18) / 20.0))];
            var rate = random.Next(4) * 0.1;

            var atFpr = ThresholdChoice.AtFpr(rows, rate);
            var bestF1 = ThresholdChoice.BestF1(rows);

            var options = rows.Select(row => row.Prediction.UnsafeProbability).Distinct().Select(score => (Score: score, Metrics: Of(rows, score))).ToList();
            var keeping = options.Where(option => option.Metrics.FalsePositiveRate <= rate + 1e-12).ToList();
            Assert.Equal(keeping.Max(option => option.Metrics.Recall), atFpr.Development!.Recall);
            Assert.True(atFpr.Development.FalsePositiveRate <= rate + 1e-12);
            Assert.Equal(options.Max(option => option.Metrics.F1!.Value), bestF1.Development!.F1!.Value, 1e-12);
        }
    }

    [Fact]
    public void A_row_that_only_the_new_threshold_flags_gets_its_likeliest_category()
    {
        var rows = ThresholdChoice.Of(0.3).Apply([Row(true, ["S1"], 0.4), Row(true, ["S1"], 0.2)]);
        Assert.Equal([true, false], rows.Select(row => row.Prediction.IsUnsafe));
        Assert.Equal(["S1"], rows[0].Prediction.Categories);
        Assert.Empty(rows[1].Prediction.Categories);
        Assert.Empty(ThresholdChoice.Of(0.95).Apply([Row(true, ["S1"], 0.9)])[0].Prediction.Categories);
    }

    [Fact]
    public void Development_rows_that_cannot_tell_are_an_error()
    {
        Assert.Contains("no safe ones", Assert.Throws<GuardException>(() => ThresholdChoice.AtFpr([Row(true, [], 0.9)], 0.1)).Message);
        Assert.Contains("no unsafe ones", Assert.Throws<GuardException>(() => ThresholdChoice.BestF1([Row(false, [], 0.9)])).Message);
        Assert.Contains("1 of 2 safe development rows have the highest score", Assert.Throws<GuardException>(
            () => ThresholdChoice.AtFpr([Row(false, [], 0.9), Row(false, [], 0.1), Row(true, [], 0.2)], 0.05)).Message);
    }

    [Fact]
    public void A_threshold_chosen_on_the_measured_file_is_called_optimistic()
    {
        using var folder = new TemporaryFolder();
        var rows = folder.Write("rows.jsonl", """{"id":"a","messages":[{"role":"user","content":"x"}],"unsafe":true}""" + "\n" + """{"id":"b","messages":[{"role":"user","content":"x"}],"unsafe":false}""" + "\n");
        var other = folder.Write("dev.jsonl", File.ReadAllText(rows));
        var predictions = folder.Write("p.jsonl", """{"id":"a","unsafe":false,"unsafeProbability":0.4}""" + "\n" + """{"id":"b","unsafe":false,"unsafeProbability":0.1}""" + "\n");

        var same = Evaluator.Measure(rows, predictions, null, new ThresholdRequest(ThresholdGoal.BestF1, 0, rows));
        var apart = Evaluator.Measure(rows, predictions, null, new ThresholdRequest(ThresholdGoal.TargetFpr, 0, other), predictions);

        Assert.Equal((true, 0.4, 1.0), (same.Threshold!.IsOptimistic, same.Threshold.Value, same.Report.Overall.Metrics.F1!.Value));
        Assert.Equal((false, "dev.jsonl", 0.4), (apart.Threshold!.IsOptimistic, apart.Threshold.DevelopmentFile, apart.Threshold.Value));
    }

    private static GuardSharp.Evaluation.Metrics.BinaryMetrics Of(List<JudgedSample> rows, double threshold) =>
        MetricsReport.Of(ThresholdChoice.Of(threshold).Apply(rows), new ReportOptions(Resamples: 0)).Overall.Metrics;
}
