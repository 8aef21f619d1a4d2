using System.Text.Json;
using GuardSharp.Checkpoints;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Cli;

public sealed class ModelInfoTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_sound_folder_is_described_without_a_problem()
    {
        var run = await CommandLineRun.OfAsync("model", "info", "--model", model.Folder);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.DoesNotContain("PROBLEM", run.Out);
        foreach (var text in (string[])["llama4", "304,992 parameters", "bf16 ", "int8 ", "int4 ", "tokenizer.json, ", "Compact"])
        {
            Assert.Contains(text, run.Out);
        }
    }

    [Theory]
    [InlineData("llama4", "llama4-guard-tiny", "HuggingFace", 14, 84)]
    [InlineData("llama", "llama-tiny/tied", "Guard3Small", 13, 0)]
    [InlineData("llama", "llama-tiny/untied", "Guard3", 14, 0)]
    [InlineData("mllama", "mllama-tiny", "Guard3Vision", 13, 56)]
    public async Task Every_architecture_is_described(string architecture, string golden, string variant, int codes, int tile)
    {
        var run = await CommandLineRun.OfAsync("model", "info", "--model", TestFiles.Golden(golden.Split('/')), "--json");
        var json = run.Json();
        Assert.Equal(architecture, json.GetProperty("architecture").GetString());
        Assert.Equal((variant, codes), (json.GetProperty("promptVariant").GetString(), json.GetProperty("codes").GetArrayLength()));
        Assert.Equal(tile, json.GetProperty("tileSize").GetInt32());
        Assert.Equal(json.GetProperty("parameters").GetInt64() * 2, json.GetProperty("memoryBytes").GetProperty("bf16").GetInt64());
        // The fixtures have no tokenizer, and nothing else may be amiss.
        Assert.Equal(1, run.Code);
        Assert.Contains("tokenizer.json", Assert.Single(Problems(json)));
    }

    [Fact]
    public async Task Missing_and_unexpected_tensors_are_listed_and_end_with_1()
    {
        _folder.CopyFrom(TestFiles.Golden("llama-tiny", "untied"));
        using (var writer = SafetensorsWriter.Create(_folder["model.safetensors"], [new("foreign", TensorType.F32, [1])]))
        {
            writer.AppendZeros("foreign", 4);
            writer.Commit();
        }

        var run = await CommandLineRun.OfAsync("model", "info", "--model", _folder.Path, "--json");
        Assert.Equal(1, run.Code);
        Assert.Contains(Problems(run.Json()), problem => problem.StartsWith("tensor \"lm_head.weight\"", StringComparison.Ordinal) && problem.EndsWith("is missing", StringComparison.Ordinal));
        Assert.Contains(Problems(run.Json()), problem => problem.Contains("\"foreign\"", StringComparison.Ordinal) && problem.EndsWith("unexpected", StringComparison.Ordinal));
        Assert.Contains("more; --json lists them all", (await CommandLineRun.OfAsync("model", "info", "--model", _folder.Path)).Out.ReplaceLineEndings(" "));
    }

    [Fact]
    public async Task A_tokenizer_of_another_model_is_a_problem()
    {
        _folder.CopyFrom(TestFiles.Golden("llama-tiny", "untied"));
        using (var file = File.Create(_folder["tokenizer.json"]))
        {
            var (ordinary, specials) = SyntheticTokenizer.Llama3;
            SyntheticTokenizer.Write(file, File.ReadAllBytes(Path.Combine(GuardClassifier.DefaultModelFolder, "tokenizer.json")), ordinary, specials);
        }

        var json = (await CommandLineRun.OfAsync("model", "info", "--model", _folder.Path, "--json")).Json();
        Assert.Equal(128256, json.GetProperty("tokenizerTokens").GetInt32());
        Assert.Contains(Problems(json), problem => problem.StartsWith("the tokenizer has 128256 ids", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_snapshot_of_the_hub_is_called_by_its_repository()
    {
        var snapshot = Path.Combine(_folder.Path, "models--meta-llama--Llama-Guard-3-1B", "snapshots", "0123");
        Directory.CreateDirectory(snapshot);
        foreach (var file in Directory.GetFiles(TestFiles.Golden("llama-tiny", "tied")))
        {
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), file);
        }

        Assert.Equal("Llama-Guard-3-1B", (await CommandLineRun.OfAsync("model", "info", "--model", snapshot, "--json")).Json().GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_repository_that_was_never_downloaded_says_how() =>
        (await CommandLineRun.OfAsync("model", "info", "--model", "no-such-owner/no-such-guard")).IsRefused("guardsharp model download no-such-owner/no-such-guard");

    [Fact]
    public void The_estimates_are_those_of_the_published_sizes()
    {
        // docs/models.md prints them.
        string[] Shown(string name) => [.. MemoryEstimate.Of(PublishedModel.Find(name).Config()).Select(memory => DiskSpace.Show(memory.Bytes))];
        Assert.Equal(["24.0 GB", "12.8 GB", "7.9 GB"], Shown("guard-4-12b"));
        Assert.Equal(["21.3 GB", "11.4 GB", "7.0 GB"], Shown("guard-3-11b-vision"));
        Assert.Equal(["16.1 GB", "8.5 GB", "5.0 GB"], Shown("guard-3-8b"));
        Assert.Equal(["2.5 GB", "1.3 GB", "887.4 MB"], Shown("guard-3-1b"));
        Assert.Equal([393_216, 262_144, 262_144, 65_536], PublishedModel.All.Select(model => MemoryEstimate.PerToken(model.Config())[0].Bytes));
        Assert.Equal([("f32", 393_216), ("f16", 196_608), ("int8", 101_376)], MemoryEstimate.PerToken(PublishedModel.Find("guard-4-12b").Config()));
    }

    private static IEnumerable<string> Problems(JsonElement json) => json.GetProperty("problems").EnumerateArray().Select(problem => problem.GetString()!);
}
