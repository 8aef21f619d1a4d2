using GuardSharp.Evaluation.Reports;
using static GuardSharp.Tests.Evaluation.ReportPropertyTests;

namespace GuardSharp.Tests.Evaluation;

public sealed class CurveReportTests
{
    [Fact]
    public void The_points_are_those_of_every_threshold()
    {
        var curves = CurveReport.Of([Row(true, [], 0.9), Row(false, [], 0.7), Row(true, [], 0.7), Row(false, [], 0.2)]);
        Assert.Equal([new RocPoint(null, 0, 0), new RocPoint(0.9, 0, 0.5), new RocPoint(0.7, 0.5, 1), new RocPoint(0.2, 1, 1)], curves.Roc);
        Assert.Equal([new PrecisionRecallPoint(0.9, 0.5, 1), new PrecisionRecallPoint(0.7, 1, 2 / 3.0), new PrecisionRecallPoint(0.2, 1, 0.5)], curves.PrecisionRecall);
    }

    [Fact]
    public void Many_points_are_thinned_and_the_area_stays()
    {
        var random = new Random(3);
        var rows = Enumerable.Range(0, 5000).Select(i => Row(i % 2 == 0, [], random.NextDouble() * (i % 2 == 0 ? 1 : 0.7))).ToList();
        var roc = CurveReport.Of(rows).Roc;
        Assert.InRange(roc.Count, 100, 210);
        Assert.Equal((1.0, 1.0), (roc[^1].FalsePositiveRate, roc[^1].Recall));
        var area = roc.Zip(roc.Skip(1), (from, to) => (to.FalsePositiveRate - from.FalsePositiveRate) * (from.Recall + to.Recall) / 2).Sum();
        // A step of the curve is a 200th; the trapezoids between kept points cut off less than that.
        Assert.Equal(MetricsReport.Of(rows, new ReportOptions(Resamples: 0)).Overall.Metrics.Auroc!.Value, area, 0.005);
    }

    [Fact]
    public void Reliability_bins_hold_their_rows_and_the_last_its_upper_end()
    {
        var bins = CurveReport.Of([Row(true, [], 1), Row(false, [], 0.95), Row(false, [], 0.05)]).Reliability;
        Assert.Equal([1, 0, 0, 0, 0, 0, 0, 0, 0, 2], bins.Select(bin => bin.Rows));
        Assert.Equal((0.975, 0.5), (bins[9].MeanScore!.Value, bins[9].UnsafeShare.Value!.Value));
        Assert.Null(bins[4].MeanScore);
    }
}
