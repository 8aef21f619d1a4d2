using System.Buffers;
using System.Text.Json;
using CsCheck;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Tests.Evaluation;

public sealed class ReportPropertyTests
{
    private static readonly ReportOptions _few = new(Resamples: 20, MinRowsOfEachClass: 2);
    private static readonly string[] _codes = ["S1", "S2", "S13", ""];
    private static readonly string[] _languages = ["en", "de", "th", "unknown"];

    [Fact]
    public void Any_small_set_of_rows_gives_JSON_without_a_number_that_is_none() => _samples.Sample(
        rows =>
        {
            var result = new EvaluationResult("m", "rows.jsonl", MetricsReport.Of(rows, _few), rows) { Threshold = ThresholdChoice.Of(0.5) };
            var buffer = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(buffer))
            {
                // The writer refuses NaN and infinity; the curves are written as raw text, so they are parsed too.
                MetricsReportWriter.Write(json, result);
            }

            using var document = JsonDocument.Parse(buffer.WrittenMemory);
            foreach (var number in Numbers(document.RootElement))
            {
                Assert.True(double.IsFinite(number));
            }

            var overall = document.RootElement.GetProperty("overall");
            Assert.Equal(rows.Count, overall.GetProperty("n").GetInt32());
            foreach (var rate in (string[])["precision", "recall", "f1", "fpr", "auroc", "auprc", "recallAtFpr1", "recallAtFpr5", "calibrationError"])
            {
                var value = overall.GetProperty(rate);
                Assert.True(value.ValueKind == JsonValueKind.Null || value.GetDouble() is >= 0 and <= 1, rate);
            }
        },
        iter: 400);

    [Fact]
    public void A_category_that_no_row_has_is_undefined_and_outside_the_mean()
    {
        var report = MetricsReport.Of([Row(true, ["S1"], 0.9), Row(false, [], 0.1)], _few);
        Assert.Equal(["S1", "S2"], report.ByCategory.Keys);
        Assert.Null(report.ByCategory["S2"].Metrics.Recall);
        Assert.Equal(["S1"], report.MeanOverCategories.Groups);
        Assert.Null(report.Card["prompt"].SeveralImages);
    }

    [Fact]
    public void Rows_of_one_class_have_no_AUROC_and_no_curve()
    {
        var report = MetricsReport.Of([Row(false, [], 0.9), Row(false, [], 0.1)], _few);
        Assert.Null(report.Overall.Metrics.Auroc);
        Assert.Empty(report.Curves.Roc);
        Assert.Empty(report.Curves.PrecisionRecall);
        Assert.Equal(10, report.Curves.Reliability.Count);
        Assert.Equal(default, report.MeanOverSources.Auroc);
    }

    [Fact]
    public void Categories_that_need_facts_are_named()
    {
        Assert.Contains("S5, S13: some hazard categories", Assert.Single(MetricsReport.Of([Row(true, ["S13"], 0.9), Row(true, ["S5"], 0.9)], _few).Notes));
        Assert.Empty(MetricsReport.Of([Row(true, ["S1"], 0.9)], _few).Notes);
    }

    internal static JudgedSample Row(bool isUnsafe, string[] categories, double score, string language = "en", int images = 0, bool? flagged = null) => new(
        isUnsafe, categories, SampleTask.Prompt, language, "s", images, new Prediction(flagged ?? score >= 0.5, score, score >= 0.5 ? ["S1"] : [], new Dictionary<string, double> { ["S1"] = score, ["S2"] = score / 2 }));

    private static readonly Gen<List<JudgedSample>> _samples = Gen.Select(Gen.Bool, Gen.Int[0, 3], Gen.Int[0, 4], Gen.Int[0, 3], Gen.Int[0, 7], Gen.Bool, Gen.Bool)
        .Select(cell => Sample(cell.Item1, _codes[cell.Item2], cell.Item3 / 4.0, _languages[cell.Item4], cell.Item5, cell.Item6 ? "a" : "b", cell.Item7 ? SampleTask.Prompt : SampleTask.Response))
        .List[1, 12];

    private static JudgedSample Sample(bool isUnsafe, string code, double score, string language, int images, string source, SampleTask task) => new(
        isUnsafe,
        isUnsafe && code.Length > 0 ? [code] : [],
        task,
        language,
        source,
        images,
        new Prediction(score >= 0.5, score, score >= 0.5 && code.Length > 0 ? [code] : [], new Dictionary<string, double> { ["S1"] = score }));

    private static IEnumerable<double> Numbers(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Number => [element.GetDouble()],
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Numbers),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(property => Numbers(property.Value)),
        _ => [],
    };
}
