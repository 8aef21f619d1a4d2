using System.Text.Json;
using GuardSharp.Tests.Evaluation.Datasets;

namespace GuardSharp.Tests.Cli;

public sealed class DataCheckCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Stats_count_rows_by_everything_they_say()
    {
        var path = _folder.Write("rows.jsonl", string.Join('\n',
            DataRows.Row("a", "how are you", false),
            DataRows.Row("b", "do it", true, ["S1", "S10"], source: "t", language: "de"),
            DataRows.Row("b", "do it", true, source: "t", answer: "no", writtenBy: "gpt-4"),
            DataRows.Row("d", "who knows", null),
            DataRows.Row("e", "how are you", false),
            "broken"));

        var run = await CommandLineRun.OfAsync("data", "stats", path, "--json");
        var table = await CommandLineRun.OfAsync("data", "stats", path);

        Assert.Equal((0, ""), (run.Code, run.Error));
        var json = run.Json();
        Assert.Equal((5, 2, 2, 1, 1), (Number(json, "rows"), Number(json, "unsafe"), Number(json, "safe"), Number(json, "unlabelled"), Number(json, "badRows")));
        Assert.Equal((1, 1), (Number(json, "duplicateIds"), Number(json, "duplicateTexts")));
        Assert.Equal(["S1", "S10", "none"], json.GetProperty("byCategory").EnumerateObject().Select(one => one.Name));
        Assert.Equal(1, Number(json.GetProperty("byTask").GetProperty("response"), "unsafe"));
        Assert.Equal(1, Number(json.GetProperty("byWriter").GetProperty("gpt-4"), "rows"));
        Assert.Equal((5, 11), (Number(json.GetProperty("characters"), "least"), Number(json.GetProperty("characters"), "most")));
        Assert.Equal(JsonValueKind.Null, json.GetProperty("tokens").ValueKind);
        Assert.Contains("1 bad rows are not counted", table.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lengths_are_counted_in_the_tokens_of_a_model()
    {
        var path = _folder.Write("rows.jsonl", DataRows.Row("a", "hello there"));

        var json = (await CommandLineRun.OfAsync("data", "stats", path, "--model", GuardClassifier.DefaultModelFolder, "--json")).Json();

        Assert.InRange(Number(json.GetProperty("tokens"), "total"), 2, 11);
    }

    [Fact]
    public async Task A_check_names_all_bad_rows_and_writes_the_clean_ones()
    {
        var path = _folder.Write("rows.jsonl", string.Join('\n', DataRows.Row("a", DataRows.Distinct(1)), DataRows.Row("b", " "), "{", DataRows.Row("a", DataRows.Distinct(2)), DataRows.Row("c", DataRows.Distinct(3), true, ["S99"]), DataRows.Row("d", DataRows.Distinct(4))));

        var run = await CommandLineRun.OfAsync("data", "check", path, "--output", _folder["clean.jsonl"]);
        var json = (await CommandLineRun.OfAsync("data", "check", path, "--json")).Json();

        Assert.Equal(1, run.Code);
        foreach (var line in (string[])[":2: empty-text", ":3: broken-json", ":4: duplicate-id", ":5: unknown-category"])
            Assert.Contains(path + line, run.Out, StringComparison.Ordinal);
        Assert.Equal([DataRows.Row("a", DataRows.Distinct(1)), DataRows.Row("d", DataRows.Distinct(4))], File.ReadAllLines(_folder["clean.jsonl"]));
        Assert.Equal((6, 4, 2), (Number(json, "rows"), Number(json, "badRows"), Number(json, "cleanRows")));
        Assert.Equal([2, 3, 4, 5], json.GetProperty("problems").EnumerateArray().Select(problem => Number(problem, "line")));
    }

    [Fact]
    public async Task Strict_stops_with_2_and_writes_nothing()
    {
        var path = _folder.Write("rows.jsonl", DataRows.Row("a", "text") + "\n{");

        var run = await CommandLineRun.OfAsync("data", "check", path, "--strict", "--output", _folder["clean.jsonl"]);

        Assert.Equal(2, run.Code);
        Assert.Contains(":2: broken-json", run.Out, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["clean.jsonl"]));
    }

    [Fact]
    public async Task A_leak_and_a_near_duplicate_are_found_with_both_places()
    {
        var development = _folder.Write("dev.jsonl", DataRows.Row("dev", "please tell me how I can bake a loaf of bread at home today"));
        var path = _folder.Write("rows.jsonl", string.Join('\n',
            DataRows.Row("a", "Please tell me how I can bake a loaf of bread at home tonight"),
            DataRows.Row("b", "which trains go from vienna to graz on sunday morning"),
            DataRows.Row("c", "which trains go from vienna to graz on sunday mornings"),
            DataRows.Row("d", "which trains go from vienna to graz on sunday morning", answer: "There is one every hour, from the main station.")));

        var run = await CommandLineRun.OfAsync("data", "check", path, "--against", development);
        var json = (await CommandLineRun.OfAsync("data", "check", path, "--against", development, "--json", "--near-duplicate", "1")).Json();

        Assert.Equal(1, run.Code);
        Assert.Contains($"{path}:1: leak: 0.82 of its 8-grams are those of {development}:1", run.Out, StringComparison.Ordinal);
        Assert.Contains($"{path}:3: near-duplicate: 0.97 of its 8-grams are those of {path}:2", run.Out, StringComparison.Ordinal);
        Assert.Contains("0 bad, 1 leaks, 1 near duplicates, 2 clean", run.Out, StringComparison.Ordinal);
        Assert.Equal(4, Number(json, "cleanRows"));
    }

    [Fact]
    public async Task The_same_formula_about_two_pictures_is_no_duplicate_and_pictures_come_along()
    {
        Directory.CreateDirectory(_folder["in/p"]);
        foreach (var (name, last) in ((string, byte)[])[("one.png", 1), ("two.png", 2), ("copy.png", 1)])
            File.WriteAllBytes(_folder["in/p/" + name], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, last]);
        string Row(string id, string picture) => DataRows.Row(id, "?").Replace("\"?\"", $"[{{\"type\":\"image\",\"path\":\"p/{picture}\"}},{{\"type\":\"text\",\"text\":\"fill in the list\"}}]", StringComparison.Ordinal);
        _folder.Write("in/rows.jsonl", string.Join('\n', Row("a", "one.png"), Row("b", "two.png"), Row("c", "copy.png")));
        Directory.CreateDirectory(_folder["out"]);

        var below = await CommandLineRun.OfAsync("data", "check", _folder["in/rows.jsonl"], "--output", _folder["clean.jsonl"]);
        var beside = await CommandLineRun.OfAsync("data", "check", _folder["in/rows.jsonl"], "--output", _folder["out/clean.jsonl"]);
        var again = await CommandLineRun.OfAsync("data", "check", _folder["clean.jsonl"], _folder["out/clean.jsonl"], "--near-duplicate", "0");

        Assert.Equal((0, 0), (below.Code, beside.Code));
        Assert.Contains("in/p/one.png", File.ReadAllText(_folder["clean.jsonl"]), StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(_folder["out/clean.jsonl"]).Length);
        Assert.Equal(2, Directory.GetFiles(_folder["out/clean.pictures"]).Length);
        Assert.DoesNotContain("picture", again.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.5")]
    [InlineData("x")]
    public async Task A_share_out_of_range_is_refused(string share) =>
        (await CommandLineRun.OfAsync("data", "check", _folder.Write("rows.jsonl", DataRows.Row("a", "text")), "--near-duplicate", share)).IsRefused("from 0 to 1");

    [Fact]
    public async Task An_output_of_another_kind_or_over_its_input_is_refused()
    {
        var path = _folder.Write("rows.jsonl", DataRows.Row("a", "text"));
        (await CommandLineRun.OfAsync("data", "check", path, "--output", path)).IsRefused("take the place");
        (await CommandLineRun.OfAsync("data", "check", path, "--output", _folder["rows.csv"])).IsRefused(".jsonl");
        (await CommandLineRun.OfAsync("data", "check", _folder["none.jsonl"])).IsRefused("cannot be read");
    }

    private static long Number(JsonElement json, string name) => json.GetProperty(name).GetInt64();
}
