using System.Text.Json;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Tests.Evaluation.Datasets;

namespace GuardSharp.Tests.Cli;

public sealed class DataBlendCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_row_is_written_kept_back_or_dropped_for_a_reason_that_is_told()
    {
        var development = _folder.Write("dev.jsonl", DataRows.Row("dev", DataRows.Distinct(1)));
        var rows = _folder.Write("rows.jsonl", string.Join('\n',
        [
            DataRows.Row("leak", DataRows.Distinct(1)),
            DataRows.Row("writer", DataRows.Distinct(2), writtenBy: "llama-2"),
            DataRows.Row("licence", DataRows.Distinct(3), licence: "share-alike"),
            DataRows.Row("twice", DataRows.Distinct(100)),
            "{",
            .. Enumerable.Range(100, 20).Select(i => DataRows.Row($"bulk{i}", DataRows.Distinct(i), source: "bulk")),
            .. Enumerable.Range(200, 3).Select(i => DataRows.Row($"few{i}", DataRows.Distinct(i), true, ["S1"], source: "few")),
        ]));
        var config = Config($$"""{"files":[{{Json(rows)}}],"against":[{{Json(development)}}],"exclude":{"writtenBy":["llama-2"],"licence":["share-alike"]},"mixture":[{"source":"bulk","rows":6},{"source":"few","rows":6,"repeat":2}],"seed":3}""");

        var run = await CommandLineRun.OfAsync("data", "blend", "--config", config, "--output", _folder["out.jsonl.gz"], "--dropped", _folder["dropped.jsonl"], "--json");

        var json = run.Json();
        Assert.Equal(0, run.Code);
        Assert.Contains($"{rows}:5: broken-json", run.Error, StringComparison.Ordinal);
        Assert.Equal((28, 13, 3), (Number(json, "read"), Number(json, "written"), Number(json, "repetitions")));
        var reasons = json.GetProperty("dropped").EnumerateArray().ToDictionary(one => $"{one.GetProperty("reason").GetString()}/{one.GetProperty("source").GetString()}", one => Number(one, "rows"));
        Assert.Equal(
            new Dictionary<string, long> { ["bad row: broken-json/unknown"] = 1, ["cap/bulk"] = 13, ["licence share-alike/s"] = 1, ["near a row of against/s"] = 1, ["near duplicate/bulk"] = 1, ["written by llama-2/s"] = 1 },
            reasons);
        Assert.Equal(18, File.ReadAllLines(_folder["dropped.jsonl"]).Length);
        Assert.Equal(28, 13 - 3 + 18);
        var ids = SampleReader.Read(_folder["out.jsonl.gz"], labelled: true).Select(sample => sample.Id).ToList();
        Assert.Equal(["few200", "few200#2", "few201", "few201#2", "few202", "few202#2"], ids.Where(id => id.StartsWith("few", StringComparison.Ordinal)).Order());
        Assert.Contains("twice", ids);
    }

    [Fact]
    public async Task The_same_configuration_gives_the_same_bytes_and_another_seed_others()
    {
        var rows = _folder.Write("rows.jsonl", string.Join('\n', Enumerable.Range(0, 200).Select(i => DataRows.Row($"{i}", DataRows.Distinct(i)))));
        string With(int seed) => Config($$"""{"files":[{{Json(rows)}}],"mixture":[{"rows":50}],"development":{"share":0.2},"seed":{{seed}}}""", $"c{seed}.json");
        foreach (var (name, seed) in ((string, int)[])[("one", 1), ("again", 1), ("other", 2)])
            Assert.Equal(0, (await CommandLineRun.OfAsync("data", "blend", "--config", With(seed), "--output", _folder[name + ".jsonl.gz"], "--development", _folder[name + "-dev.jsonl"])).Code);

        Assert.Equal(File.ReadAllBytes(_folder["one.jsonl.gz"]), File.ReadAllBytes(_folder["again.jsonl.gz"]));
        Assert.Equal(File.ReadAllBytes(_folder["one-dev.jsonl"]), File.ReadAllBytes(_folder["again-dev.jsonl"]));
        Assert.NotEqual(File.ReadAllBytes(_folder["one-dev.jsonl"]), File.ReadAllBytes(_folder["other-dev.jsonl"]));
        var (train, development) = (Ids("one.jsonl.gz"), Ids("one-dev.jsonl"));
        Assert.Empty(train.Intersect(development));
        // 200 draws of 0.2: a standard deviation is 5.7.
        Assert.InRange(development.Count, 20, 60);
        Assert.Equal(50, train.Count);
    }

    [Fact]
    public async Task New_rows_move_no_old_row_to_the_other_side_and_translations_stay_together()
    {
        string Rows(int count) => string.Join('\n', from i in Enumerable.Range(0, count) from language in (string[])["en", "de"] select DataRows.Row($"x/{language}:{i}", DataRows.Distinct((2 * i) + (language == "de" ? 1 : 0)), source: "x", language: language));
        var (small, large) = (_folder.Write("small.jsonl", Rows(60)), _folder.Write("large.jsonl", Rows(90)));
        foreach (var path in (string[])[small, large])
        {
            var config = Config($$"""{"files":[{{Json(path)}}],"development":{"share":0.3,"together":["x"]} }""", Path.GetFileName(path) + ".json");
            Assert.Equal(0, (await CommandLineRun.OfAsync("data", "blend", "--config", config, "--output", path + ".out.jsonl", "--development", path + ".dev.jsonl")).Code);
        }

        var (before, after) = (Ids("small.jsonl.dev.jsonl"), Ids("large.jsonl.dev.jsonl"));
        Assert.Subset(after.ToHashSet(), before.ToHashSet());
        Assert.Empty(after.ToHashSet().Intersect(Ids("large.jsonl.out.jsonl")));
        Assert.All(after.GroupBy(id => id[(id.IndexOf(':', StringComparison.Ordinal) + 1)..]), pair => Assert.Equal(2, pair.Count()));
    }

    [Fact]
    public async Task Ratios_use_up_the_scarcest_kind()
    {
        var rows = _folder.Write("rows.jsonl", string.Join('\n', Enumerable.Range(0, 40).Select(i => DataRows.Row($"{i}", DataRows.Distinct(i), i < 10, answer: i % 2 == 0 ? "yes" : null))));
        var config = Config($$"""{"files":[{{Json(rows)}}],"ratios":[{"unsafe":true,"part":1},{"unsafe":false,"part":2}]}""");

        var json = (await CommandLineRun.OfAsync("data", "blend", "--config", config, "--output", _folder["out.jsonl"], "--json")).Json();

        var written = json.GetProperty("writtenBySource").GetProperty("s");
        Assert.Equal((10, 20), (Number(written, "unsafe"), Number(written, "safe")));
        Assert.Equal("ratio", json.GetProperty("dropped")[0].GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_preview_shows_policies_and_labels_and_no_text()
    {
        var rows = _folder.Write("rows.jsonl", string.Join('\n', Enumerable.Range(0, 5).Select(i => DataRows.Row($"{i}", "secret " + DataRows.Distinct(i), true, ["S2"]))));
        var config = Config($$"""{"files":[{{Json(rows)}}],"augment":{"dropViolated":1,"shuffle":1} }""");

        var run = await CommandLineRun.OfAsync("data", "blend", "--config", config, "--output", _folder["out.jsonl"], "--preview", "3", "--json");

        var preview = run.Json().GetProperty("preview");
        Assert.Equal(3, preview.GetArrayLength());
        Assert.All(preview.EnumerateArray(), one => Assert.Equal((false, 13), (one.GetProperty("unsafe").GetBoolean(), one.GetProperty("policy").GetArrayLength())));
        Assert.DoesNotContain("secret", run.Out, StringComparison.Ordinal);
        Assert.Equal(5, File.ReadAllLines(_folder["out.jsonl"]).Count(line => line.Contains("\"S2\"", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("""{"files":[]}""", "files is empty")]
    [InlineData("""{"files":["x"],"wrong":1}""", "wrong")]
    [InlineData("""{"files":["x"],"nearDuplicate":2}""", "from 0 to 1")]
    [InlineData("""{"files":["x"],"ratios":[{"part":1}]}""", "two kinds")]
    [InlineData("""{"files":["x"],"development":{"share":1}}""", "below 1")]
    [InlineData("""{"files":["x"],"augment":{"shuffle":7}}""", "Shuffle")]
    [InlineData("""{"files":["x"],"development":{"share":0.1}}""", "--development FILE")]
    public async Task A_configuration_that_makes_no_sense_is_refused(string config, string saying) =>
        (await CommandLineRun.OfAsync("data", "blend", "--config", Config(config), "--output", _folder["out.jsonl"])).IsRefused(saying);

    [Fact]
    public async Task Strict_refuses_a_bad_row_and_writes_nothing()
    {
        var rows = _folder.Write("rows.jsonl", DataRows.Row("a", "text") + "\n{");

        (await CommandLineRun.OfAsync("data", "blend", "--config", Config($$"""{"files":[{{Json(rows)}}]}"""), "--output", _folder["out.jsonl"], "--strict")).IsRefused($"{rows}:2: broken-json");

        Assert.False(File.Exists(_folder["out.jsonl"]));
    }

    private string Config(string json, string name = "config.json") => _folder.Write(name, json);

    private List<string> Ids(string name) => [.. SampleReader.Read(_folder[name], labelled: true).Select(sample => sample.Id)];

    private static string Json(string text) => JsonSerializer.Serialize(text);

    private static long Number(JsonElement json, string name) => json.GetProperty(name).GetInt64();
}
