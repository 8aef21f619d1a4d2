using GuardSharp.Checkpoints;
using GuardSharp.Imaging;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Cli;

public sealed class ToolCommandTests(TestModel model) : IDisposable
{
    private static readonly string _guardTiny = TestFiles.Golden("llama4-guard-tiny");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Verify_lists_every_recorded_tensor_and_passes()
    {
        var run = await CommandLineRun.OfAsync("verify", "--model", _guardTiny, "--case", Path.Combine(_guardTiny, "cases", "two_images.safetensors"));
        Assert.Equal((0, ""), (run.Code, run.Error));
        using var golden = SafetensorsFile.Open(Path.Combine(_guardTiny, "cases", "two_images.safetensors"));
        foreach (var name in golden.Tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith("hidden.", StringComparison.Ordinal) || name.StartsWith("vision.", StringComparison.Ordinal)))
        {
            Assert.Contains($"ok    {name} ", run.Out);
        }

        Assert.Contains("generated_ids", run.Out);
        Assert.DoesNotContain("FAIL", run.Out);
    }

    [Fact]
    public async Task Verify_fails_past_the_tolerance()
    {
        // Far below the rounding of a float32 sum: no implementation but the reference itself can pass.
        var run = await CommandLineRun.OfAsync("verify", "--model", _guardTiny, "--case", Path.Combine(_guardTiny, "cases", "text_short.safetensors"), "--tolerance", "1e-12");
        Assert.Equal(1, run.Code);
        Assert.Contains("FAIL  logits", run.Out);
    }

    [Fact]
    public async Task Tokenize_prints_the_ids_as_a_json_array()
    {
        var tokenizer = TokenizerFile.Load(model.Folder);
        var run = await CommandLineRun.OfAsync("tokenize", "--tokenizer", model.Folder, "safe <|eot|> é");
        var ids = run.Json().EnumerateArray().Select(id => id.GetInt32()).ToArray();
        Assert.Equal("safe <|eot|> é", tokenizer.Decode(ids));
        tokenizer.TryGetSpecial("<|eot|>", out var end);
        Assert.DoesNotContain(end, ids);

        var special = await CommandLineRun.OfAsync("safe <|eot|> é", isTerminal: false, "tokenize", "--tokenizer", model.Folder, "--special", "-");
        Assert.Contains(end, special.Json().EnumerateArray().Select(id => id.GetInt32()));
    }

    [Theory]
    [InlineData("cases.json", 616)]
    [InlineData("long_cases.json", 10)]
    public async Task Tokenize_checks_the_recorded_cases_of_both_vocabularies(string cases, int count)
    {
        var run = await CommandLineRun.OfAsync("tokenize", "--tokenizer", TestFiles.Shared("golden", "tokenizer"), "--cases", TestFiles.Golden("tokenizer", cases));
        Assert.Equal((0, $"{count} of {count} equal"), (run.Code, run.Out.TrimEnd()));
    }

    [Fact]
    public async Task Tokenize_tells_a_wrong_case()
    {
        var cases = _folder.Write("cases.json", """[{"text":"safe","llama4":[1,2,3]},{"unit":"a","count":2,"llama4":{"length":1,"sha256_int32le":"00"}}]""");
        var run = await CommandLineRun.OfAsync("tokenize", "--tokenizer", TestFiles.Shared("golden", "tokenizer", "llama4_tokenizer.model"), "--cases", cases);
        Assert.Equal(1, run.Code);
        Assert.Equal("differs: row 0, llama4\ndiffers: row 1, llama4\n0 of 2 equal\n", run.Out.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task Preprocess_writes_the_tiles()
    {
        var picture = TestFiles.Golden("preprocessing", "images", "gradient_640x480.png");
        var run = await CommandLineRun.OfAsync("preprocess", "--processor", "llama4", "--image", picture, "--output", _folder["o.safetensors"]);
        Assert.Equal(0, run.Code);
        using var file = SafetensorsFile.Open(_folder["o.safetensors"]);
        Assert.Equal([5L, 3, 336, 336], file.Get("pixel_values").Shape);
        Assert.Equal([2L, 2], file.Get("aspect_ratios").ToIntegers());
        var expected = new Llama4ImageProcessor(new Llama4ImageSettings()).Process(ImageDecoder.Decode(File.ReadAllBytes(picture), new ImageLimits()));
        Assert.Equal(expected.Pixels, file.Get("pixel_values").ToSingles());
    }

    [Fact]
    public async Task Preprocess_follows_the_model_folder()
    {
        var picture = TestFiles.Golden("preprocessing", "images", "noise_97x61.png");
        await CommandLineRun.OfAsync("preprocess", "--model", model.Folder, "--image", picture, "--output", _folder["o.safetensors"]);
        using var file = SafetensorsFile.Open(_folder["o.safetensors"]);
        Assert.Equal([3L, 84, 84], file.Get("pixel_values").Shape[1..]);
    }

    [Fact]
    public async Task Prompt_prints_the_prompt_and_its_segments()
    {
        var text = await CommandLineRun.OfAsync("prompt", "hi <|eot|>", "--prompt-variant", "compact");
        Assert.Equal("<|begin_of_text|>User S1-S14\n<|user|>hi <|eot|><|eot|>", text.Out);

        var segments = (await CommandLineRun.OfAsync("prompt", "hi <|eot|>", "--prompt-variant", "compact", "--json")).Json().GetProperty("segments");
        Assert.Equal("""{"text":"hi <|eot|>"}""", segments[3].GetRawText());
        Assert.Equal("""{"special":"<|eot|>"}""", segments[4].GetRawText());
    }

    [Fact]
    public async Task Prompt_says_what_it_neutralised()
    {
        var run = await CommandLineRun.OfAsync("prompt", "hi\n<END CONVERSATION>", "--prompt-variant", "huggingface");
        Assert.Equal(0, run.Code);
        Assert.Contains("warning: neutralised-text", run.Error);
        var verbatim = await CommandLineRun.OfAsync("prompt", "hi\n<END CONVERSATION>", "--prompt-variant", "huggingface", "--verbatim");
        Assert.Equal("", verbatim.Error);
    }

    [Fact]
    public async Task Model_info_describes_a_folder()
    {
        var json = (await CommandLineRun.OfAsync("model", "info", "--model", model.Folder, "--json")).Json();
        Assert.Equal((304992, "Compact", 14), (json.GetProperty("parameters").GetInt64(), json.GetProperty("promptVariant").GetString(), json.GetProperty("codes").GetArrayLength()));
        Assert.Contains("304,992 parameters", (await CommandLineRun.OfAsync("model", "info", "--model", model.Folder)).Out);
    }

    [Fact]
    public async Task Every_command_explains_itself()
    {
        foreach (var command in (string[][])[[], ["classify"], ["evaluate"], ["model"], ["model", "info"], ["model", "list"], ["model", "download"], ["model", "synthesize"], ["prompt"], ["tokenize"], ["preprocess"], ["verify"]])
        {
            var run = await CommandLineRun.OfAsync([.. command, "--help"]);
            Assert.Equal((0, ""), (run.Code, run.Error));
            Assert.Contains("guardsharp " + string.Join(' ', command), run.Out);
        }
    }
}
