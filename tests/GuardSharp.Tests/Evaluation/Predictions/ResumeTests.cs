using GuardSharp.Conversations;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Html;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Tests.Cli;

namespace GuardSharp.Tests.Evaluation.Predictions;

/// <summary>A run that was stopped goes on as if nothing had happened, and only as the same run.</summary>
public sealed class ResumeTests : IDisposable
{
    private const int Count = 40;

    private readonly TemporaryFolder _folder = new();
    private int _judged;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_killed_in_a_process_of_its_own_goes_on_to_the_same_bytes()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs SIGKILL");
        // The shipped guard: its float sums show in the last digits whatever is not exactly repeated. Long rows give the kill time to come.
        var rows = _folder.Write("rows.jsonl", string.Concat(Enumerable.Range(0, 1500).Select(i => Row($"r{i}", i % 3 == 0, $"note {i} about {string.Join(' ', Enumerable.Range(i, 40))}"))));
        string[] Arguments(string folder) => ["evaluate", rows, "--output", _folder[folder], "--resamples", "20"];
        Assert.Equal(0, (await CommandLineRun.OfAsync(Arguments("whole"))).Code);

        var journal = Path.Combine(_folder["killed"], "predictions.part.jsonl");
        using (var process = ProcessTests.Start([], Arguments("killed")))
        {
            process.StandardInput.Close();
            while (!process.HasExited && !(File.Exists(journal) && new FileInfo(journal).Length > 5000))
            {
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }

            Assert.False(process.HasExited, "the run was over before it could be killed");
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        // A kill may fall into the middle of a row.
        Assert.InRange(File.ReadLines(journal).Count(), 5, 1499);
        await File.AppendAllTextAsync(journal, """{"id":"r39""", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await CommandLineRun.OfAsync(Arguments("killed"))).Code);

        foreach (var name in (string[])["predictions.jsonl", "metrics.json"])
        {
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_folder["whole"], name), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(Path.Combine(_folder["killed"], name), TestContext.Current.CancellationToken));
        }

        Assert.Equal(Directory.GetFiles(_folder["whole"]).Select(Path.GetFileName).Order(), Directory.GetFiles(_folder["killed"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_stopped_run_judges_only_what_is_left_and_a_finished_one_nothing()
    {
        var run = Run(WriteRows());
        using (var stop = new CancellationTokenSource())
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Evaluator.RunAsync(run, Judge, new StopAt(24, stop), stop.Token));
        }

        Assert.Equal(24, _judged);
        var result = await Evaluator.RunAsync(run, Judge);
        Assert.Equal(Count, _judged);

        var again = await Evaluator.RunAsync(run, (_, _) => throw new InvalidOperationException("nothing is left to judge"));
        Assert.Equal(result.Report.Overall, again.Report.Overall);
        Assert.All(again.Rows, row => Assert.True(row.Milliseconds >= 0));
        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"r{i}"), again.Rows.Select(row => row.Id));
    }

    [Fact]
    public async Task A_threshold_on_a_development_file_is_chosen_again_without_judging_again()
    {
        var run = Run(WriteRows());
        await Evaluator.RunAsync(run, Judge);
        var dev = WriteRows("dev.jsonl");

        var chosen = await Evaluator.RunAsync(run with { Threshold = new ThresholdRequest(GuardSharp.Evaluation.Thresholds.ThresholdGoal.TargetFpr, 0.5, dev) }, Judge);

        Assert.Equal(2 * Count, _judged);
        Assert.Equal("dev.jsonl", chosen.Threshold!.DevelopmentFile);
        Assert.True(File.Exists(Path.Combine(run.OutputFolder, Evaluator.DevelopmentFolder, "dev", Evaluator.PredictionsFile)));
        await Evaluator.RunAsync(run with { Threshold = new ThresholdRequest(GuardSharp.Evaluation.Thresholds.ThresholdGoal.BestF1, 0, dev) }, Judge);
        Assert.Equal(2 * Count, _judged);
    }

    [Fact]
    public async Task Another_guard_threshold_protocol_or_other_rows_are_refused_and_fresh_begins_anew()
    {
        var run = Run(WriteRows());
        await Evaluator.RunAsync(run, Judge);

        Assert.Contains("whose model is \"m\", and here it is \"other\"", await RefusedAsync(run with { Guard = run.Guard with { Model = "other" } }));
        Assert.Contains("whose policy is", await RefusedAsync(run with { Guard = run.Guard with { Policy = "other" } }));
        Assert.Contains("whose threshold is 0.5, and here it is 0.4", await RefusedAsync(run with { Guard = run.Guard with { Threshold = 0.4 } }));
        Assert.Contains("whose settings is", await RefusedAsync(run with { Guard = run.Guard with { Settings = new Dictionary<string, string> { ["defence"] = "jpeg" } } }));
        Assert.Contains("last-image", await RefusedAsync(run with { LastImage = true }));
        await File.AppendAllTextAsync(run.SamplesPath, "\n", TestContext.Current.CancellationToken);
        Assert.Contains("--fresh", await RefusedAsync(run));

        Assert.Equal(Count, _judged);
        await Evaluator.RunAsync(run with { Fresh = true }, Judge);
        Assert.Equal(2 * Count, _judged);
    }

    [Fact]
    public async Task An_id_that_comes_twice_names_both_lines_before_anything_is_judged()
    {
        var rows = _folder.Write("rows.jsonl", Row("a", true, "x") + Row("b", false, "x") + Row("a", false, "x"));
        var message = await RefusedAsync(Run(rows));
        Assert.Contains("rows.jsonl:3: the id of", message);
        Assert.Contains("rows.jsonl:1 comes again", message);
        Assert.Equal(0, _judged);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public async Task Predictions_of_unknown_origin_are_not_overwritten()
    {
        Directory.CreateDirectory(_folder["out"]);
        File.WriteAllText(Path.Combine(_folder["out"], Evaluator.PredictionsFile), "");
        Assert.Contains("run.json is missing", await RefusedAsync(Run(WriteRows())));
    }

    [Fact]
    public async Task No_file_holds_what_the_rows_say_where_the_report_may_not()
    {
        await Evaluator.RunAsync(Run(WriteRows()) with { Page = new PageOptions { Texts = false } }, Judge);
        foreach (var file in Directory.GetFiles(_folder["out"]))
        {
            Assert.DoesNotContain("secret", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task A_guard_that_answers_too_little_or_no_number_is_an_error()
    {
        var run = Run(WriteRows());
        Assert.Contains("asked about 8 rows", (await Assert.ThrowsAsync<SampleFileException>(() => Evaluator.RunAsync(run, (_, _) => Task.FromResult<IReadOnlyList<Prediction>>([])))).Message);
        Assert.Contains("rows.jsonl:1: the guard's P(unsafe) is NaN", (await Assert.ThrowsAsync<SampleFileException>(() => Evaluator.RunAsync(
            run, (asked, _) => Task.FromResult<IReadOnlyList<Prediction>>([.. asked.Select(_ => new Prediction(false, double.NaN, [], new Dictionary<string, double>()))])))).Message);
    }

    [Fact]
    public async Task With_the_last_image_protocol_one_picture_goes_in_and_the_row_still_counts_as_several()
    {
        foreach (var name in (string[])["1.png", "2.png", "3.png"])
        {
            File.WriteAllText(_folder[name], name);
        }

        const string Picture = """{"type":"image","path":"NAME.png"}""";
        var rows = _folder.Write("rows.jsonl", $$"""{"id":"a","messages":[{"role":"user","content":[{{Picture.Replace("NAME", "1")}}]},{"role":"assistant","content":"ok"},{"role":"user","content":[{{Picture.Replace("NAME", "2")}},{{Picture.Replace("NAME", "3")}},{"type":"text","text":"and these?"}]}],"unsafe":true}""" + "\n");
        Conversation? seen = null;

        var result = await Evaluator.RunAsync(Run(rows) with { LastImage = true }, (asked, token) =>
        {
            seen = asked[0];
            return Judge(asked, token);
        });

        var parts = seen!.Turns.SelectMany(turn => turn.Parts).ToList();
        Assert.Equal("3.png", System.Text.Encoding.UTF8.GetString(Assert.Single(parts.OfType<ImagePart>()).Data.Span));
        Assert.Equal(["[image]", "ok", "and these?"], parts.OfType<TextPart>().Select(part => part.Text));
        Assert.Equal(["2-5"], result.Report.ByImages.Keys);
        Assert.True(result.LastImage);
    }

    private static string Row(string id, bool isUnsafe, string text) => $$"""{"id":"{{id}}","messages":[{"role":"user","content":"{{text}}"}],"unsafe":{{(isUnsafe ? "true" : "false")}}}""" + "\n";

    private string WriteRows(string name = "rows.jsonl") => _folder.Write(name, string.Concat(Enumerable.Range(0, Count).Select(i => Row($"r{i}", i % 4 == 0, $"secret {i}"))));

    private EvaluationRun Run(string rows) => new(rows, _folder["out"], new GuardIdentity("m", "p", 0.5)) { Report = new ReportOptions(Resamples: 20), RowsAtOnce = 8 };

    private async Task<string> RefusedAsync(EvaluationRun run) => (await Assert.ThrowsAsync<SampleFileException>(() => Evaluator.RunAsync(run, Judge))).Message;

    private Task<IReadOnlyList<Prediction>> Judge(IReadOnlyList<Conversation> conversations, CancellationToken token)
    {
        _judged += conversations.Count;
        return Task.FromResult<IReadOnlyList<Prediction>>([.. conversations.Select((_, i) => new Prediction(i % 3 == 0, i % 3 == 0 ? 0.8 : 0.1, [], new Dictionary<string, double>()))]);
    }

    private sealed class StopAt(long rows, CancellationTokenSource stop) : IProgress<RowProgress>
    {
        public void Report(RowProgress value)
        {
            if (value.Done >= rows)
            {
                stop.Cancel();
            }
        }
    }
}
