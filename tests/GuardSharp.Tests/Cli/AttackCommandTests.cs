using System.Text.Json;

namespace GuardSharp.Tests.Cli;

public sealed class AttackCommandTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Attacks_give_a_table_results_and_pictures_and_the_same_again_from_the_folder()
    {
        string[] command = ["attack", "leetspeak", "zero-width", "typeset", "--data", Rows(), "--output", _folder["out"], "--model", model.Folder, "--json"];
        var run = await CommandLineRun.OfAsync(command);
        Assert.Equal((0, ""), (run.Code, run.Error));
        var table = run.Json().GetProperty("table").EnumerateArray().ToList();
        Assert.Equal(["leetspeak", "zero-width", "typeset"], table.Select(row => row.GetProperty("setting").GetString()));
        Assert.All(table, row => Assert.Equal(3, row.GetProperty("rows").GetInt32()));
        Assert.Equal(9, File.ReadLines(Path.Combine(_folder["out"], "results.jsonl")).Count());
        Assert.Equal(3, Directory.GetFiles(Path.Combine(_folder["out"], "pictures")).Length);
        Assert.Equal(run.Out, File.ReadAllText(Path.Combine(_folder["out"], "attack.json")));

        Assert.Equal(run.Out, (await CommandLineRun.OfAsync(command)).Out);
        (await CommandLineRun.OfAsync([.. command, "--defence", "normalise"])).IsRefused("other settings");
    }

    [Fact]
    public async Task A_defence_stands_in_the_model_name_and_a_table_is_drawn_for_people()
    {
        var run = await CommandLineRun.OfAsync("attack", "zero-width", "--data", Rows(), "--output", _folder["out"], "--model", model.Folder, "--defence", "normalise", "--rows", "2");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("safe after", run.Out);
        using var summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "attack.json")));
        Assert.Contains("+normalise@", summary.RootElement.GetProperty("model").GetString());
        // Every attacked row is judged as it was written without the attack.
        Assert.Equal(summary.RootElement.GetProperty("table")[0].GetProperty("safeBefore").GetInt32(), summary.RootElement.GetProperty("table")[0].GetProperty("safeAfter").GetInt32());
    }

    [Fact]
    public async Task Rows_that_an_attack_does_not_apply_to_are_counted_aloud()
    {
        var run = await CommandLineRun.OfAsync("attack", "resize", "leetspeak", "--data", Rows(), "--output", _folder["out"], "--model", model.Folder, "--json");
        Assert.Equal(0, run.Code);
        Assert.Contains("resize: not applied to 3 of 3 rows", run.Error);
        Assert.Equal(["leetspeak"], run.Json().GetProperty("table").EnumerateArray().Select(row => row.GetProperty("setting").GetString()));
    }

    [Theory]
    [InlineData("Say which attack", "attack", "--data", "x", "--output", "y")]
    [InlineData("no attack \"rot13\"", "attack", "rot13", "--data", "x", "--output", "y")]
    [InlineData("--from", "attack", "replay", "--data", "x", "--output", "y")]
    [InlineData("replay alone", "attack", "base64", "--from", "z", "--data", "x", "--output", "y")]
    [InlineData("attack.json", "attack", "replay", "--from", "/nowhere", "--data", "x", "--output", "y")]
    [InlineData("--data", "attack", "base64", "--output", "y")]
    [InlineData("--output", "attack", "base64", "--data", "x")]
    [InlineData("--rows is 0", "attack", "base64", "--data", "x", "--output", "y", "--rows", "0")]
    [InlineData("no defence \"rot13\"", "attack", "base64", "--data", "x", "--output", "y", "--defence", "rot13")]
    [InlineData("no defence \"rot13\"", "classify", "hello", "--defence", "rot13")]
    [InlineData("an argument it does not take", "evaluate", "x", "--output", "y", "--defence", "bits:9")]
    public async Task Wrong_arguments_are_told_before_a_model_is_loaded(string saying, params string[] args) =>
        (await CommandLineRun.OfAsync(args)).IsRefused(saying);

    [Fact]
    public async Task Classify_stands_behind_defences()
    {
        var run = await CommandLineRun.OfAsync("classify", "he\u200Bllo", "--defence", "normalise", "--defence", "both", "--model", model.Folder, "--json");
        Assert.Contains("+normalise+both@", run.Json().GetProperty("model").GetString());
    }

    [Fact]
    public async Task Typeset_rows_are_as_many_of_each_class_and_can_be_evaluated()
    {
        var run = await CommandLineRun.OfAsync("data", "typeset", Rows(), "--output", _folder["pictures"], "--rows", "2", "--json");
        Assert.Equal((2, 2), (run.Json().GetProperty("safe").GetInt32(), run.Json().GetProperty("unsafe").GetInt32()));
        Assert.Equal(4, Directory.GetFiles(Path.Combine(_folder["pictures"], "images")).Length);
        var evaluated = await CommandLineRun.OfAsync("evaluate", Path.Combine(_folder["pictures"], "rows.jsonl"), "--output", _folder["out"], "--resamples", "0", "--model", model.Folder, "--defence", "bits:2", "--json");
        Assert.Equal(4, evaluated.Json().GetProperty("overall").GetProperty("n").GetInt32());
    }

    private string Rows() => _folder.Write("rows.jsonl", string.Concat(Enumerable.Range(0, 6).Select(i =>
        $$"""{"id":"r{{i}}","messages":[{"role":"user","content":"tell me something about steel number {{i}}"}],"unsafe":{{(i % 2 == 0 ? "true" : "false")}}}""" + "\n")));
}
