using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Tests.Evaluation;

public sealed class EvaluatorTests : IDisposable
{
    private static readonly ReportOptions _few = new(Resamples: 100, MinRowsOfEachClass: 2);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_labelled_file_gives_predictions_in_order_and_metrics_by_group()
    {
        var samples = WriteSamples(100);
        var steps = new List<RowProgress>();

        await Evaluator.RunAsync(Run(samples), Oracle, new Steps(steps));

        var rows = File.ReadAllLines(Path.Combine(_folder["out"], Evaluator.PredictionsFile));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"row-{i}"), rows.Select(row => JsonDocument.Parse(row).RootElement.GetProperty("id").GetString()));
        using var first = JsonDocument.Parse(rows[0]);
        Assert.Equal(["id", "unsafe", "unsafeProbability", "categories", "categoryProbabilities"], first.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Equal(new RowProgress(100, 100), steps[^1]);

        using var metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder["out"], Evaluator.MetricsFile)));
        var overall = metrics.RootElement.GetProperty("overall");
        Assert.Equal((100, 1.0, 1.0), (overall.GetProperty("n").GetInt32(), overall.GetProperty("auroc").GetDouble(), overall.GetProperty("f1").GetDouble()));
        Assert.Equal(["de", "en"], metrics.RootElement.GetProperty("byLanguage").EnumerateObject().Select(group => group.Name));
        Assert.Equal(["S2", "S10"], metrics.RootElement.GetProperty("byCategory").EnumerateObject().Select(group => group.Name));
        Assert.Equal(JsonValueKind.Null, metrics.RootElement.GetProperty("bySource").GetProperty("safe-only").GetProperty("auroc").ValueKind);
        Assert.Equal(["mixed"], metrics.RootElement.GetProperty("meanOverSources").GetProperty("groups").EnumerateArray().Select(name => name.GetString()!));
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_report_byte_for_byte()
    {
        var samples = WriteSamples(60);
        await Evaluator.RunAsync(Run(samples, "one"), Noisy);
        await Evaluator.RunAsync(Run(samples, "two"), Noisy);
        Assert.Equal(File.ReadAllBytes(_folder["one/metrics.json"]), File.ReadAllBytes(_folder["two/metrics.json"]));
    }

    [Fact]
    public void Predictions_made_before_give_the_metrics_of_the_run()
    {
        var samples = WriteSamples(10);
        var predictions = _folder.Write("p.jsonl", string.Concat(Enumerable.Range(0, 10).Select(i => $$$"""{"id":"row-{{{i}}}","unsafe":true,"unsafeProbability":0.5,"categories":[],"categoryProbabilities":{}}""" + "\n")));
        var report = Evaluator.Measure(samples, predictions, _few).Report;
        Assert.Equal((0.5, 1.0, 1.0), (report.Overall.Metrics.Auroc, report.Overall.Metrics.Recall, report.Overall.Metrics.FalsePositiveRate));
    }

    [Theory]
    [InlineData("""{"id":"other","unsafe":true,"unsafeProbability":0.5}""", "the id differs")]
    [InlineData("""{"id":"row-0","unsafe":true,"unsafeProbability":1.5}""", "from 0 to 1")]
    [InlineData("""{"id":"row-0","unsafe":true}""", "unsafeProbability")]
    [InlineData("", "no prediction")]
    public void Predictions_that_do_not_fit_the_rows_are_an_error(string row, string saying)
    {
        var error = Assert.Throws<SampleFileException>(() => Evaluator.Measure(WriteSamples(1), _folder.Write("p.jsonl", row), _few));
        Assert.Contains(saying, error.Message);
    }

    [Fact]
    public void The_mean_over_sources_weighs_each_source_the_same()
    {
        // AUROC 1 over 4 rows and 0 over 40: the mean is one half, whatever the sizes.
        JudgedSample[] rows = [.. Rows("right", 2, 0.9, 0.1), .. Rows("wrong", 20, 0.1, 0.9), .. Rows("small", 1, 0.9, 0.1)];
        var mean = MetricsReport.Of(rows, _few).MeanOverSources;
        Assert.Equal(["right", "wrong"], mean.Groups);
        Assert.Equal(0.5, mean.Auroc.Value);
    }

    [Fact]
    public void An_unsafe_row_without_a_labelled_category_counts_for_no_category()
    {
        var found = new Prediction(true, 0.9, ["S1"], new Dictionary<string, double> { ["S1"] = 0.8 });
        JudgedSample[] rows =
        [
            new(true, [], SampleTask.Prompt, "en", "s", 0, found),
            new(true, ["S1"], SampleTask.Prompt, "en", "s", 0, found),
            new(false, [], SampleTask.Prompt, "en", "s", 0, found),
        ];
        var metrics = MetricsReport.Of(rows, _few).ByCategory["S1"].Metrics;
        Assert.Equal((1, 1, 2), (metrics.TruePositives, metrics.FalsePositives, metrics.Rows));
    }

    [Fact]
    public async Task A_row_that_cannot_be_judged_is_named_and_leaves_nothing_behind()
    {
        var samples = WriteSamples(50);
        Task<IReadOnlyList<Prediction>> Refuse(IReadOnlyList<Conversation> conversations, CancellationToken token) =>
            conversations.Any(conversation => ((TextPart)conversation.Turns[0].Parts[0]).Text.StartsWith("41 ", StringComparison.Ordinal))
                ? throw new ContextOverflowException(9, 8)
                : Oracle(conversations, token);

        var error = await Assert.ThrowsAsync<SampleFileException>(() => Evaluator.RunAsync(Run(samples), Refuse));

        Assert.StartsWith($"{samples}:42: The conversation needs 9 tokens", error.Message);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public async Task A_run_cancelled_before_anything_was_judged_leaves_nothing_behind()
    {
        using var source = new CancellationTokenSource();
        var progress = new Steps([], _ => source.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Evaluator.RunAsync(Run(WriteSamples(100)), Oracle, progress, source.Token));
        Assert.False(Directory.Exists(_folder["out"]));
    }

    private EvaluationRun Run(string samples, string folder = "out") => new(samples, _folder[folder], new GuardIdentity("m", "p", 0.5)) { Report = _few, RowsAtOnce = 64 };

    private static Task<IReadOnlyList<Prediction>> Oracle(IReadOnlyList<Conversation> conversations, CancellationToken token) => Answer(conversations, isUnsafe => isUnsafe ? 0.9 : 0.1);

    private static Task<IReadOnlyList<Prediction>> Noisy(IReadOnlyList<Conversation> conversations, CancellationToken token)
    {
        var random = new Random(1);
        return Answer(conversations, isUnsafe => (random.NextDouble() + (isUnsafe ? 1 : 0)) / 2);
    }

    private static Task<IReadOnlyList<Prediction>> Answer(IReadOnlyList<Conversation> conversations, Func<bool, double> score) =>
        Task.FromResult<IReadOnlyList<Prediction>>([.. conversations.Select(conversation =>
        {
            var probability = score(((TextPart)conversation.Turns[0].Parts[0]).Text.EndsWith("bad", StringComparison.Ordinal));
            return new Prediction(probability >= 0.5, probability, probability >= 0.5 ? ["S10"] : [], new Dictionary<string, double> { ["S2"] = probability / 3, ["S10"] = probability });
        })]);

    private static IEnumerable<JudgedSample> Rows(string source, int pairs, double unsafeScore, double safeScore) =>
        Enumerable.Range(0, pairs * 2).Select(i => new JudgedSample(
            i % 2 == 0, [], SampleTask.Prompt, "en", source, 0, new Prediction(false, i % 2 == 0 ? unsafeScore : safeScore, [], new Dictionary<string, double>())));

    private string WriteSamples(int count) => _folder.Write("rows.jsonl", string.Concat(Enumerable.Range(0, count).Select(i =>
    {
        var isUnsafe = i % 4 == 0;
        return JsonSerializer.Serialize(new
        {
            id = $"row-{i}",
            messages = new[] { new { role = "user", content = $"{i} {(isUnsafe ? "bad" : "good")}" } },
            @unsafe = isUnsafe,
            categories = isUnsafe ? new[] { "S10" } : [],
            language = i % 2 == 0 ? "en" : "de",
            source = i % 4 == 1 ? "safe-only" : "mixed",
        }) + "\n";
    })));

    private sealed class Steps(List<RowProgress> steps, Action<RowProgress>? then = null) : IProgress<RowProgress>
    {
        public void Report(RowProgress value)
        {
            steps.Add(value);
            then?.Invoke(value);
        }
    }
}
