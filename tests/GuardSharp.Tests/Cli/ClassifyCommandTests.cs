using System.IO.Compression;
using System.Text;
using System.Text.Json;
using GuardSharp.Tests.Engine;
using GuardSharp.Tests.Imaging;

namespace GuardSharp.Tests.Cli;

public sealed class ClassifyCommandTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Json_is_one_document_of_the_documented_form()
    {
        var run = await CommandLineRun.OfAsync("classify", "hello", "--json", "--model", model.Folder);

        var verdict = run.Json();
        Assert.Equal(
            ["schema", "model", "task", "unsafe", "unsafeProbability", "threshold", "categories", "categoryProbabilities", "categoryUncertainty", "warnings", "tokens", "elapsedMilliseconds"],
            verdict.EnumerateObject().Select(property => property.Name));
        Assert.Equal((1, "prompt", 0.5), (verdict.GetProperty("schema").GetInt32(), verdict.GetProperty("task").GetString(), verdict.GetProperty("threshold").GetDouble()));
        Assert.Matches("^test-guard@[0-9a-f]{12}$", verdict.GetProperty("model").GetString());
        Assert.Equal(14, verdict.GetProperty("categoryProbabilities").EnumerateObject().Count());
        Assert.Equal(verdict.GetProperty("unsafe").GetBoolean() ? 1 : 0, run.Code);
        Assert.Equal("", run.Error);
        Assert.Single(run.Out.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("0", true)]
    [InlineData("1", false)]
    public async Task The_exit_code_is_the_verdict(string threshold, bool isUnsafe)
    {
        var run = await CommandLineRun.OfAsync("classify", "hello", "--threshold", threshold, "--model", model.Folder);
        Assert.Equal(isUnsafe ? 1 : 0, run.Code);
        Assert.StartsWith(isUnsafe ? "unsafe 0." : "safe 0.", run.Out);
    }

    [Fact]
    public async Task Standard_input_is_judged_as_the_same_text_given_as_an_argument()
    {
        var typed = (await CommandLineRun.OfAsync("classify", "héllo wörld", "--json", "--model", model.Folder)).Json();
        var piped = (await CommandLineRun.OfAsync("héllo wörld\n", isTerminal: false, "classify", "-", "--json", "--model", model.Folder)).Json();
        Assert.Equal(typed.GetProperty("unsafeProbability").GetDouble(), piped.GetProperty("unsafeProbability").GetDouble());
    }

    [Fact]
    public async Task Images_beyond_the_models_are_an_error_or_left_out_on_demand()
    {
        Llama3Folders.WriteMllama(_folder.Path);
        File.WriteAllBytes(_folder["a.png"], Pictures.Noise(40, 30, 1).Encode(SkiaSharp.SKEncodedImageFormat.Png));
        string[] arguments = ["classify", "Who is this?", "--image", _folder["a.png"], "--image", _folder["a.png"], "--json", "--model", _folder.Path];
        var refused = await CommandLineRun.OfAsync(arguments);
        Assert.Contains("takes at most 1", refused.Error);
        var judged = await CommandLineRun.OfAsync([.. arguments, "--image-limit", "lastonly"]);
        Assert.Contains("images-left-out: 1 of 2", judged.Json().GetProperty("warnings")[0].GetString());
        arguments[0] = "prompt";
        var shown = await CommandLineRun.OfAsync([.. arguments, "--image-limit", "lastonly"]);
        Assert.Single(shown.Json().GetProperty("segments").EnumerateArray(), segment => segment.TryGetProperty("image", out _));
    }

    [Fact]
    public async Task A_person_at_a_terminal_sees_a_verdict_with_bars()
    {
        var run = await CommandLineRun.OfAsync("", isTerminal: true, "classify", "hello", "--threshold", "0", "--model", model.Folder);
        Assert.Contains("UNSAFE", run.Out);
        Assert.Contains("━", run.Out);
        Assert.Contains("test-guard@", run.Out);
    }

    [Fact]
    public async Task A_text_of_the_assistant_is_judged_as_a_response()
    {
        var run = await CommandLineRun.OfAsync("classify", "an answer", "--role", "assistant", "--question", "a question", "--json", "--model", model.Folder);
        Assert.Equal("response", run.Json().GetProperty("task").GetString());
    }

    [Fact]
    public async Task A_conversation_file_and_a_text_make_one_conversation()
    {
        var file = _folder.Write("c.json", """{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"}]}""");
        Assert.Equal("response", (await CommandLineRun.OfAsync("classify", "--conversation", file, "--json", "--model", model.Folder)).Json().GetProperty("task").GetString());
        Assert.Equal("prompt", (await CommandLineRun.OfAsync("classify", "--conversation", file, "three", "--json", "--model", model.Folder)).Json().GetProperty("task").GetString());
    }

    [Fact]
    public async Task Images_are_part_of_the_message()
    {
        var picture = TestFiles.Golden("preprocessing", "images", "noise_97x61.png");
        var run = await CommandLineRun.OfAsync("classify", "what is this", "--image", picture, "--image", picture, "--json", "--model", model.Folder);
        Assert.Equal("", run.Error);
        Assert.True(run.Json().GetProperty("tokens").GetProperty("image").GetInt32() >= 2 * 9);
    }

    [Fact]
    public async Task A_policy_narrows_the_categories()
    {
        var policy = _folder.Write("p.json", """{"name":"two","categories":["S1","S10"]}""");
        var run = await CommandLineRun.OfAsync("classify", "hello", "--policy", policy, "--json", "--model", model.Folder);
        Assert.Equal(["S1", "S10"], run.Json().GetProperty("categoryProbabilities").EnumerateObject().Select(property => property.Name));
    }

    [Fact]
    public async Task A_text_that_begins_with_an_at_sign_or_two_dashes_is_a_text()
    {
        Assert.True((await CommandLineRun.OfAsync("classify", "@nobody", "--model", model.Folder)).Code is 0 or 1);
        Assert.True((await CommandLineRun.OfAsync("classify", "--model", model.Folder, "--", "--help")).Code is 0 or 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_batch_gives_a_row_for_each_row_in_order(bool gzip)
    {
        var rows = string.Concat(Enumerable.Range(0, 70).Select(i => $$"""{"id":"r{{i}}","messages":[{"role":"user","content":"text {{i}}"}]}""" + "\n"));
        var input = _folder["rows.jsonl.gz"];
        using (Stream file = gzip ? new GZipStream(File.Create(input), CompressionLevel.Fastest) : File.Create(input))
        {
            file.Write(Encoding.UTF8.GetBytes(rows));
        }

        var run = await CommandLineRun.OfAsync("classify", "--batch", input, "--output", _folder["out.jsonl"], "--json", "--model", model.Folder);

        Assert.Equal((0, "", 70), (run.Code, run.Error, run.Json().GetProperty("rows").GetInt32()));
        var predictions = File.ReadLines(_folder["out.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(Enumerable.Range(0, 70).Select(i => $"r{i}"), predictions.Select(row => row.GetProperty("id").GetString()));

        // The batch must say what single runs say, or "in order" would mean nothing.
        var single = (await CommandLineRun.OfAsync("classify", "text 69", "--json", "--model", model.Folder)).Json();
        Assert.Equal(single.GetProperty("unsafeProbability").GetDouble(), predictions[69].GetProperty("unsafeProbability").GetDouble(), 1e-5);
    }

    [Theory]
    [InlineData("""{"id":"x","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}""", ":41: Turns 1 and 2 are both")]
    [InlineData("""{"id":"x","messages":[]}""", ":41: the list of messages is empty")]
    [InlineData("{", ":41: not one JSON object")]
    public async Task A_bad_row_of_a_batch_is_named_and_leaves_no_file(string row, string saying)
    {
        var good = string.Concat(Enumerable.Repeat("""{"messages":[{"role":"user","content":"fine"}]}""" + "\n", 40));
        var input = _folder.Write("rows.jsonl", good + row + "\n");
        var run = await CommandLineRun.OfAsync("classify", "--batch", input, "--output", _folder["out.jsonl"], "--model", model.Folder);
        run.IsRefused(saying);
        Assert.Equal([input], Directory.GetFiles(_folder.Path));
    }
}
