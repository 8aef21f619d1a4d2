using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;
using GuardSharp.Tests.Engine;

namespace GuardSharp.Tests.Cli;

public sealed class PruneCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private readonly TemporaryFolder _source = new();

    private string Output => _folder["pruned"];

    public void Dispose()
    {
        _folder.Dispose();
        _source.Dispose();
    }

    [Fact]
    public async Task The_recipe_of_the_1B_writes_a_folder_that_judges()
    {
        Llama3Folders.WriteLlama(_source.Path);
        var run = await PruneAsync("--layers", "2", "--mlp", "64", "--answer-tokens", "--calibration", Rows());
        Assert.Equal(0, run.Code);
        var json = run.Json();
        Assert.Equal((Output, 2, 64, 2), (json.GetProperty("folder").GetString(), json.GetProperty("layers").GetArrayLength(), json.GetProperty("neurons").GetInt32(), json.GetProperty("conversations").GetInt32()));
        Assert.Empty(ModelSummary.Read(Output).Problems);
        var tokens = Assert.IsType<LlamaConfig>(ModelConfig.Read(Output)).OutputTokens!;
        Assert.Equal(tokens, json.GetProperty("outputTokens").EnumerateArray().Select(token => token.GetInt32()));
        Assert.InRange(tokens.Length, 15, 40);
        var verdict = await CommandLineRun.OfAsync("classify", "How do I pick a lock?", "--model", Output, "--json");
        Assert.Equal("", verdict.Error);
        Assert.InRange(verdict.Json().GetProperty("unsafeProbability").GetDouble(), 0, 1);
    }

    [Fact]
    public async Task An_output_layer_of_the_answer_tokens_judges_as_the_whole_one()
    {
        Llama3Folders.WriteLlama(_source.Path);
        var run = await PruneAsync("--answer-tokens");
        Assert.Equal((0, 0), (run.Code, run.Json().GetProperty("conversations").GetInt32()));
        var (before, after) = (await JudgeAsync(_source.Path), await JudgeAsync(Output));
        Assert.Equal(before.GetProperty("unsafeProbability").GetDouble(), after.GetProperty("unsafeProbability").GetDouble(), 1e-6);
        Assert.Equal(before.GetProperty("categoryProbabilities").ToString(), after.GetProperty("categoryProbabilities").ToString());
        // A head that is pruned is one of its own, and cannot be pruned again.
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Output, "config.json")))!;
        Assert.False((bool)config["tie_word_embeddings"]!);
        (await CommandLineRun.OfAsync("prune", "--recipe", "small", "--model", Output, "--output", _folder["again"], "--answer-tokens")).IsRefused("whose output layer is whole");
    }

    [Fact]
    public async Task A_llama4_model_loses_layers_and_neurons_and_reads_pictures_as_before()
    {
        RandomGuard.Write(_source.Path);
        var run = await PruneAsync("--layers", "3", "--mlp", "48", "--calibration", Rows(), "--rows", "1");
        Assert.Equal((0, 1), (run.Code, run.Json().GetProperty("conversations").GetInt32()));
        var text = Assert.IsType<Llama4Config>(ModelConfig.Read(Output)).Text;
        var rope = Llama4Config.Read(_source.Path).Text.RopeLayers;
        Assert.Equal((3, 48), (text.Layers, text.FeedForwardSize));
        Assert.Equal(run.Json().GetProperty("layers").EnumerateArray().Select(layer => rope[layer.GetInt32()]), text.RopeLayers);
        var verdict = await CommandLineRun.OfAsync("classify", "what is this", "--image", TestFiles.Golden("preprocessing", "images", "noise_97x61.png"), "--model", Output, "--json");
        Assert.InRange(verdict.Json().GetProperty("unsafeProbability").GetDouble(), 0, 1);
    }

    [Theory]
    [InlineData("Say what is to go")]
    [InlineData("--layers is 9; it must be from 1 to", "--layers", "9")]
    [InlineData("--mlp is 0; it must be from 1 to", "--mlp", "0")]
    [InlineData("Name a file of them with --calibration", "--layers", "2")]
    [InlineData("--recipe is \"tiny\"; it must be dense-experts or small", "--recipe", "tiny")]
    [InlineData("--layers goes with --recipe small", "--recipe", "dense-experts", "--layers", "2")]
    public async Task What_cannot_be_done_is_told_and_leaves_nothing(string saying, params string[] args)
    {
        Llama3Folders.WriteLlama(_source.Path);
        string[] recipe = args.Contains("--recipe") ? [] : ["--recipe", "small"];
        (await CommandLineRun.OfAsync(["prune", .. recipe, "--model", _source.Path, "--output", Output, .. args])).IsRefused(saying);
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public async Task A_mixture_of_experts_becomes_dense_without_naming_a_recipe()
    {
        var run = await CommandLineRun.OfAsync("prune", "--model", TestFiles.Golden("llama4-moe-tiny", "moe"), "--output", Output, "--json");
        Assert.Equal((0, Output), (run.Code, run.Json().GetProperty("folder").GetString()));
        Assert.Empty(ModelSummary.Read(Output).Problems);
    }

    private Task<CommandLineRun> PruneAsync(params string[] args) => CommandLineRun.OfAsync(["prune", "--recipe", "small", "--model", _source.Path, "--output", Output, "--json", .. args]);

    private static async Task<System.Text.Json.JsonElement> JudgeAsync(string folder) => (await CommandLineRun.OfAsync("classify", "How do I pick a lock?", "--model", folder, "--json")).Json();

    private string Rows() => _folder.Write(
        "rows.jsonl",
        """{"id":"a","messages":[{"role":"user","content":"fox"}]}""" + "\n" + """{"id":"b","messages":[{"role":"user","content":"lock"},{"role":"assistant","content":"quick brown"}]}""" + "\n");
}
