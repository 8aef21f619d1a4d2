using System.Text.Json;

namespace GuardSharp.Tests.Cli;

public sealed class EvaluateCommandTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_labelled_file_gives_its_files_and_a_table()
    {
        var run = await CommandLineRun.OfAsync("evaluate", Rows(), "--output", _folder["out"], "--resamples", "50", "--model", model.Folder);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("all rows", run.Out);
        Assert.Equal(["metrics.json", "predictions.jsonl", "report.html", "run.json", "timings.jsonl"], Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order());
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

    [Fact]
    public async Task A_redirected_table_keeps_its_lines_whole()
    {
        var name = new string('x', 60);
        var rows = _folder.Write("wide.jsonl", string.Concat(Enumerable.Range(0, 4).Select(i => $$"""{"id":"{{i}}","messages":[{"role":"user","content":"x"}],"unsafe":{{(i % 2 == 0 ? "true" : "false")}},"source":"{{name}}"}""" + "\n")));
        var predictions = _folder.Write("p.jsonl", string.Concat(Enumerable.Range(0, 4).Select(i => $$"""{"id":"{{i}}","unsafe":{{(i == 0 ? "true" : "false")}},"unsafeProbability":0.{{9 - i}}}""" + "\n")));

        var run = await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions);

        // Name, counts and the last number stand in one line.
        var line = Assert.Single(run.Out.Split('\n'), line => line.Contains(name));
        Assert.Contains("0.750", line);
        Assert.Contains("calibration error", run.Out.Split('\n').First(text => text.Contains("AUROC")));
    }

    [Fact]
    public async Task A_threshold_is_chosen_on_a_development_file_and_said_with_its_warning()
    {
        var (rows, predictions) = (Rows(), Predictions("p.jsonl", i => (i % 3 == 0 ? 0.6 : 0.2) + (i * 0.01)));
        var dev = _folder.Write("dev.jsonl", File.ReadAllText(rows));

        var apart = await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--target-fpr", "0", "--dev", dev, "--dev-predictions", predictions);
        Assert.Contains("threshold 0.6 chosen for at most 0 FPR on dev.jsonl, where recall is 1.000", apart.Out);
        Assert.DoesNotContain("OPTIMISTIC", apart.Out);

        var same = await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--best-f1", "--dev", rows);
        Assert.Contains("OPTIMISTIC", same.Out);

        var given = (await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--threshold", "0.65", "--json")).Json();
        Assert.Equal("given", given.GetProperty("threshold").GetProperty("chosenFor").GetString());
        Assert.Equal(2, given.GetProperty("overall").GetProperty("tp").GetInt32());

        (await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--target-fpr", "0.1")).IsRefused("--dev FILE");
        (await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--dev", dev)).IsRefused("--target-fpr X or --best-f1");
        (await CommandLineRun.OfAsync("evaluate", rows, "--predictions", predictions, "--best-f1", "--target-fpr", "0.1", "--dev", dev)).IsRefused("Give one of");
    }

    [Fact]
    public async Task Two_runs_are_compared_row_by_row()
    {
        foreach (var threshold in (string[])["0", "1"])
        {
            Assert.Equal(0, (await CommandLineRun.OfAsync("evaluate", Rows(), "--output", _folder["at" + threshold], "--threshold", threshold, "--resamples", "20", "--model", model.Folder)).Code);
        }

        var json = (await CommandLineRun.OfAsync("evaluate", "compare", _folder["at1"], _folder["at0"], "--resamples", "20", "--json")).Json();

        Assert.Equal((12, 4, 8), (json.GetProperty("n").GetInt32(), json.GetProperty("unsafe").GetInt32(), json.GetProperty("safe").GetInt32()));
        Assert.Equal(1, json.GetProperty("metrics").GetProperty("recall").GetProperty("difference").GetDouble());
        Assert.Equal(0, json.GetProperty("metrics").GetProperty("auroc").GetProperty("difference").GetDouble());
        Assert.Equal(8, json.GetProperty("mcnemar").GetProperty("safe").GetProperty("onlyFirstRight").GetInt32());
        Assert.Contains("McNemar, all rows: only A right 8, only B right 4", (await CommandLineRun.OfAsync("evaluate", "compare", _folder["at1"], _folder["at0"], "--resamples", "20")).Out);
        (await CommandLineRun.OfAsync("evaluate", "compare", Predictions("p.jsonl", _ => 0.5), _folder["at0"])).IsRefused("--data FILE");
        (await CommandLineRun.OfAsync("evaluate", "compare", _folder["at1"], _folder.Path)).IsRefused("has no predictions.jsonl");
    }

    [Fact]
    public async Task A_folder_of_another_run_is_refused()
    {
        string[] command = ["evaluate", Rows(), "--output", _folder["out"], "--resamples", "20", "--model", model.Folder];
        Assert.Equal(0, (await CommandLineRun.OfAsync(command)).Code);
        (await CommandLineRun.OfAsync([.. command, "--threshold", "0.123"])).IsRefused("whose threshold is");
        Assert.Equal(0, (await CommandLineRun.OfAsync([.. command, "--threshold", "0.123", "--fresh"])).Code);
    }

    private string Predictions(string name, Func<int, double> score) => _folder.Write(name, string.Concat(Enumerable.Range(0, 12).Select(i =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $$"""{"id":"r{{i}}","unsafe":{{(score(i) >= 0.5 ? "true" : "false")}},"unsafeProbability":{{score(i)}}}""") + "\n")));

    private string Rows() => _folder.Write("rows.jsonl", string.Concat(Enumerable.Range(0, 12).Select(i =>
        $$"""{"id":"r{{i}}","messages":[{"role":"user","content":"text {{i}}"}],"unsafe":{{(i % 3 == 0 ? "true" : "false")}},"source":"s","language":"en"}""" + "\n")));
}
