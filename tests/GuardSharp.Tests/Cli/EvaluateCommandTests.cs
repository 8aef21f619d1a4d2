using System.Text.Json;

namespace GuardSharp.Tests.Cli;

public sealed class EvaluateCommandTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_labelled_file_gives_both_files_and_a_table()
    {
        var run = await CommandLineRun.OfAsync("evaluate", Rows(), "--output", _folder["out"], "--resamples", "50", "--model", model.Folder);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("all rows", run.Out);
        Assert.Equal(["metrics.json", "predictions.jsonl", "run.json", "timings.jsonl"], Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order());
        Assert.Equal(12, File.ReadLines(Path.Combine(_folder["out"], "predictions.jsonl")).Count());

        // The metrics of the run and those of its predictions are the same numbers.
        using var metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder["out"], "metrics.json")));
        var again = await CommandLineRun.OfAsync("evaluate", "--data", Rows(), "--predictions", Path.Combine(_folder["out"], "predictions.jsonl"), "--resamples", "50", "--json");
        Assert.True(JsonElement.DeepEquals(metrics.RootElement.GetProperty("overall"), again.Json().GetProperty("overall")));
    }

    [Fact]
    public async Task The_golden_metrics_come_out_of_the_command()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("metrics", "binary.json")));
        var first = golden.RootElement.GetProperty("cases")[0];
        var (truth, scores) = (first.GetProperty("unsafe").EnumerateArray().ToList(), first.GetProperty("score").EnumerateArray().ToList());
        var rows = _folder.Write("golden.jsonl", string.Concat(truth.Select((label, i) => $$"""{"id":"{{i}}","messages":[{"role":"user","content":"x"}],"unsafe":{{(label.GetInt32() == 1 ? "true" : "false")}}}""" + "\n")));
        var predictions = _folder.Write("predictions.jsonl", string.Concat(scores.Select((score, i) => $$"""{"id":"{{i}}","unsafe":{{(score.GetDouble() >= 0.5 ? "true" : "false")}},"unsafeProbability":{{score.GetRawText()}}}""" + "\n")));

        var overall = (await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--json")).Json().GetProperty("overall");

        foreach (var expected in first.GetProperty("expected").EnumerateObject())
        {
            // The same rationals summed in another order: a few units in the last place.
            Assert.Equal(expected.Value.GetDouble(), overall.GetProperty(expected.Name).GetDouble(), 1e-13);
        }
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    public async Task Below_the_bar_is_exit_code_1(string bar, int code)
    {
        var predictions = _folder.Write("p.jsonl", string.Concat(Enumerable.Range(0, 12).Select(i => $$"""{"id":"r{{i}}","unsafe":false,"unsafeProbability":0.5}""" + "\n")));
        Assert.Equal(code, (await CommandLineRun.OfAsync("evaluate", Rows(), "--predictions", predictions, "--min-auroc", bar)).Code);
    }

    [Fact]
    public async Task A_bar_without_an_AUROC_to_compare_is_an_error()
    {
        var rows = _folder.Write("one.jsonl", """{"id":"a","messages":[{"role":"user","content":"x"}],"unsafe":true}""");
        var predictions = _folder.Write("p.jsonl", """{"id":"a","unsafe":false,"unsafeProbability":0.1}""");
        (await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--json", "--min-auroc", "0.9")).IsRefused("all safe or all unsafe");
    }

    [Fact]
    public async Task A_bad_file_is_refused_and_leaves_nothing()
    {
        var bad = _folder.Write("bad.jsonl", """{"messages":[{"role":"user","content":"x"}]}""");
        (await CommandLineRun.OfAsync("evaluate", bad, "--output", _folder["out"], "--model", model.Folder)).IsRefused("bad.jsonl:1: the row has no \"unsafe\"");
        Assert.False(Directory.Exists(_folder["out"]));
        (await CommandLineRun.OfAsync("evaluate", bad)).IsRefused("--output DIR");
        (await CommandLineRun.OfAsync("evaluate", "--output", _folder["out"])).IsRefused("Give one labelled file");
        (await CommandLineRun.OfAsync("evaluate", _folder["none.jsonl"], "--output", _folder["out"], "--model", model.Folder)).IsRefused("cannot be read");
    }

    private string Rows() => _folder.Write("rows.jsonl", string.Concat(Enumerable.Range(0, 12).Select(i =>
        $$"""{"id":"r{{i}}","messages":[{"role":"user","content":"text {{i}}"}],"unsafe":{{(i % 3 == 0 ? "true" : "false")}},"source":"s","language":"en"}""" + "\n")));
}
