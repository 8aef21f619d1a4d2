using System.Text;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Conversations;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Checkpoints;

public sealed class SyntheticModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_same_seed_gives_the_same_numbers_whatever_the_shards()
    {
        using var one = Write("one", Tiny());
        using var shards = Write("shards", Tiny(), model => model.ShardBytes = 100_000);
        using var other = Write("other", Tiny(), model => model.Seed = 2);
        Assert.Equal((1, true), (one.Files.Count, shards.Files.Count > 3));
        Assert.Equal(one.Names.Order(), shards.Names.Order());
        Assert.All(one.Tensors, tensor => Assert.Equal(tensor.ToSingles(), shards.Get(tensor.Name).ToSingles()));
        const string matrix = "language_model.model.layers.0.self_attn.q_proj.weight";
        Assert.NotEqual(one.Get(matrix).ToSingles(), other.Get(matrix).ToSingles());
        Assert.NotEqual(one.Get(matrix).ToSingles(), one.Get(matrix.Replace('0', '1')).ToSingles());
    }

    [Fact]
    public void The_numbers_are_those_of_an_untrained_network()
    {
        using var checkpoint = Write("one", Tiny());
        var numbers = checkpoint.Get("language_model.lm_head.weight").ToSingles();
        // 32,768 draws: the mean has a standard error of 0.00011, the deviation of 0.00008; six of each are allowed.
        Assert.InRange(numbers.Average(), -0.0007, 0.0007);
        Assert.InRange(Math.Sqrt(numbers.Average(number => (double)number * number)), 0.0195, 0.0205);
        Assert.All(checkpoint.Get("language_model.model.norm.weight").ToSingles(), number => Assert.Equal(1, number));
        Assert.Empty(ModelSummary.Read(checkpoint.Folder).Problems);
    }

    [Fact]
    public void A_quantised_one_is_what_quantize_makes_of_the_other()
    {
        using var direct = Write("direct", Tiny(), model => model.Scheme = QuantisationScheme.Int4);
        Write("plain", Tiny()).Dispose();
        new FolderQuantisation(_folder["plain"], QuantisationScheme.Int4).Run(_folder["quantised"], (_, _) => { }, TestContext.Current.CancellationToken);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder["quantised"], "model.safetensors")), File.ReadAllBytes(Path.Combine(direct.Folder, "model.safetensors")));
        Assert.Empty(ModelSummary.Read(direct.Folder).Problems);
    }

    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(0.5f, 0x3F00)]
    [InlineData(1.00390625f, 0x3F80)] // half way: to the even one
    [InlineData(1.01171875f, 0x3F82)]
    [InlineData(-1f, 0xBF80)]
    public void Numbers_are_rounded_to_the_nearest_bfloat16(float number, int bits) => Assert.Equal(bits, WeightNoise.ToBFloat16(number));

    [Theory]
    [InlineData("llama4-tiny", true)]
    [InlineData("mllama-tiny", true)]
    [InlineData("llama-tiny/tied", false)]
    public async Task A_synthetic_guard_with_a_synthetic_tokenizer_judges_and_says_what_it_is(string golden, bool takesPictures)
    {
        var config = JsonNode.Parse(File.ReadAllText(TestFiles.Golden([.. golden.Split('/'), "config.json"])))!.AsObject();
        var (ordinary, specials) = WithTrueVocabulary(config);
        Write("guard", config.ToJsonString(), variant: null).Dispose();
        using (var file = File.Create(Path.Combine(_folder["guard"], "tokenizer.json")))
        {
            SyntheticTokenizer.Write(file, Basis(), ordinary, specials);
        }

        await using var guard = GuardClassifier.Load(_folder["guard"]);
        var picture = File.ReadAllBytes(TestFiles.Golden("preprocessing", "images", "gradient_640x480.png"));
        IEnumerable<ContentPart> parts = takesPictures ? [new ImagePart(picture), new TextPart("What is this?")] : [new TextPart("What is this?")];
        var verdict = await guard.ClassifyAsync(new Conversation([new Turn(Role.User, [.. parts])]), cancellationToken: TestContext.Current.CancellationToken);
        Assert.InRange(verdict.UnsafeProbability, 0, 1);
        Assert.Contains(verdict.Warnings, warning => warning.StartsWith("synthetic-weights", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("llama4", 202048)]
    [InlineData("llama3", 128256)]
    [InlineData("llama3-vision", 128257)]
    public void A_synthetic_tokenizer_has_the_true_number_of_tokens_and_special_ids(string kind, int size)
    {
        var (ordinary, specials) = kind switch
        {
            "llama4" => SyntheticTokenizer.Llama4,
            "llama3" => SyntheticTokenizer.Llama3,
            _ => SyntheticTokenizer.Llama3Vision,
        };
        using (var file = File.Create(_folder["tokenizer.json"]))
        {
            SyntheticTokenizer.Write(file, Basis(), ordinary, specials);
        }

        var tokenizer = TokenizerFile.Load(_folder.Path);
        Assert.Equal(size, tokenizer.VocabularySize);
        var family = kind.Split('-')[0];
        var golden = JsonNode.Parse(File.ReadAllText(TestFiles.Golden("tokenizer", "special_tokens.json")))![family]!["meta_special_tokens"]!.AsObject();
        foreach (var (name, id) in golden.Where(pair => kind != "llama3-vision" || pair.Key != "<|image|>"))
        {
            Assert.True(tokenizer.TryGetSpecial(name, out var seen) && seen == (int)id!, $"{name} is {seen}");
        }

        Assert.Equal(kind != "llama4", tokenizer.TryGetSpecial("<|eot_id|>", out _));
        const string text = "Task: Check if there is unsafe content.\n\nशुभ <|eot|> \u00ff\u20ac🙂";
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        Assert.Equal(text, tokenizer.Decode([.. ids]));
        Assert.All(ids, id => Assert.InRange(id, 0, 12_000)); // the basis, no filler and no special
    }

    [Fact]
    public void A_folder_appears_whole_or_not_at_all()
    {
        using (var pending = new PendingFolder(_folder["new"]))
        {
            File.WriteAllText(Path.Combine(pending.Path, "half"), "");
            Assert.False(Directory.Exists(_folder["new"]));
        }

        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
        using (var pending = new PendingFolder(_folder["new"]))
        {
            File.WriteAllText(Path.Combine(pending.Path, "whole"), "");
            pending.Commit();
        }

        Assert.Equal([Path.Combine(_folder["new"], "whole")], Directory.GetFileSystemEntries(_folder["new"]));
        Assert.Contains("is there already", Assert.Throws<CheckpointException>(() => new PendingFolder(_folder["new"])).Message);
    }

    private static string Tiny() => File.ReadAllText(TestFiles.Golden("llama4-tiny", "config.json"));

    private static byte[] Basis() => File.ReadAllBytes(Path.Combine(GuardClassifier.DefaultModelFolder, "tokenizer.json"));

    // The tiny dimensions with as many tokens as the published tokenizers have.
    private static (int Ordinary, IReadOnlyDictionary<string, int> Specials) WithTrueVocabulary(JsonObject config)
    {
        var isLlama4 = (string)config["model_type"]! == "llama4";
        var (first, count) = isLlama4 ? (200000, 202048) : (128000, 128256);
        var text = config["text_config"]?.AsObject() ?? config;
        text["vocab_size"] = count;
        text["bos_token_id"] = first;
        text["eos_token_id"] = isLlama4 ? new JsonArray(200001, 200007, 200008) : new JsonArray(128001, 128008, 128009);
        text["pad_token_id"] = isLlama4 ? 200018 : 128004;
        text["max_position_embeddings"] = 8192;
        if (isLlama4)
        {
            (config["boi_token_index"], config["eoi_token_index"], config["image_token_index"]) = (200080, 200081, 200092);
            return SyntheticTokenizer.Llama4;
        }

        if (!config.ContainsKey("image_token_index"))
        {
            return SyntheticTokenizer.Llama3;
        }

        config["image_token_index"] = 128256;
        return SyntheticTokenizer.Llama3Vision;
    }

    private Checkpoint Write(string name, string config, Action<SyntheticModel>? change = null, string? variant = "HuggingFace")
    {
        var model = new SyntheticModel(
            new GuardManifest { Name = "synthetic", Version = "1", Codes = ["S1", "S2"], NarrowedPolicies = true, MaxImages = 1, PromptVariant = variant, Synthetic = true },
            [("config.json", Encoding.UTF8.GetBytes(config))]);
        change?.Invoke(model);
        Directory.CreateDirectory(_folder[name]);
        var written = 0L;
        model.Write(_folder[name], count => written += count, TestContext.Current.CancellationToken);
        Assert.Equal(model.SourceBytes, written);
        return Checkpoint.Open(_folder[name]);
    }
}
