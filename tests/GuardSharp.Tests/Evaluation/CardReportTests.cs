using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;
using static GuardSharp.Tests.Evaluation.ReportPropertyTests;

namespace GuardSharp.Tests.Evaluation;

/// <summary>The Llama Guard 4 card's means, against counts made by hand.</summary>
public sealed class CardReportTests
{
    private static readonly ReportOptions _some = new(Resamples: 200);

    [Fact]
    public void Every_category_weighs_the_same_whatever_its_size()
    {
        // S1: 1 of 1 found; S2: 1 of 3 found; safe: 1 of 4 flagged.
        JudgedSample[] rows =
        [
            Row(true, ["S1"], 0.9),
            Row(true, ["S2"], 0.9), Row(true, ["S2"], 0.1), Row(true, ["S2"], 0.1),
            Row(false, [], 0.9), Row(false, [], 0.1), Row(false, [], 0.1), Row(false, [], 0.1),
        ];

        var english = CardReport.Of(rows, SampleTask.Prompt, _some).English!;

        Assert.Equal(["S1", "S2"], english.Groups);
        Assert.Equal((8, 4, 4), (english.Rows, english.UnsafeRows, english.SafeRows));
        Assert.Equal(((1.0 / 1) + (1.0 / 3)) / 2, english.Recall.Value!.Value, 1e-12);
        Assert.Equal(0.25, english.FalsePositiveRate.Value);
        // Half a false positive for each of two categories: 2 tp / (2 tp + fp + fn).
        Assert.Equal(((2 / 2.5) + (2 / 4.5)) / 2, english.F1.Value!.Value, 1e-12);
        Assert.InRange(english.Recall.Value.Value, english.Recall.Interval!.Value.Low, english.Recall.Interval.Value.High);
    }

    [Fact]
    public void Languages_are_the_seven_of_the_card_and_weigh_the_same()
    {
        JudgedSample[] rows =
        [
            Row(true, [], 0.9, "de"), Row(false, [], 0.9, "de"),
            Row(true, [], 0.1, "fr"), Row(false, [], 0.1, "fr"), Row(false, [], 0.1, "fr"), Row(false, [], 0.1, "fr"),
            Row(true, [], 0.9, "ja"), Row(false, [], 0.9, "ja"),
            Row(true, [], 0.9, "th"),
        ];

        var many = CardReport.Of(rows, SampleTask.Prompt, _some).Multilingual!;

        Assert.Equal(["de", "fr"], many.Groups);
        Assert.Equal((0.5, 0.5), (many.Recall.Value, many.FalsePositiveRate.Value));
        Assert.Equal(["de", "fr"], MetricsReport.Of(rows, _some).MeanOverLanguages.Groups);
    }

    [Fact]
    public void Pictures_are_counted_as_one_and_several()
    {
        JudgedSample[] rows = [Row(true, ["S1"], 0.9, images: 1), Row(true, ["S1"], 0.1, images: 2), Row(true, ["S1"], 0.1, images: 6)];
        var card = CardReport.Of(rows, SampleTask.Prompt, _some);
        Assert.Null(card.English);
        Assert.Equal((1, 1.0), (card.SingleImage!.Rows, card.SingleImage.Recall.Value));
        Assert.Equal((2, 0.0), (card.SeveralImages!.Rows, card.SeveralImages.Recall.Value));
        Assert.Null(card.SingleImage.FalsePositiveRate.Value);
        Assert.Equal(["1", "2-5", "6+"], MetricsReport.Of(rows, _some).ByImages.Keys);
    }

    [Fact]
    public void S14_and_rows_without_a_category_stay_out() =>
        Assert.Null(CardReport.Of([Row(true, ["S14"], 0.9), Row(true, [], 0.9), Row(false, [], 0.1)], SampleTask.Prompt, _some).English);
}
