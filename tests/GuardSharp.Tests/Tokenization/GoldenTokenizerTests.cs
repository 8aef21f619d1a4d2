using System.Security.Cryptography;
using System.Text.Json;
using GuardSharp.Tests.Checkpoints.Gguf;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>The ids of tiktoken, for the real vocabularies of Llama 3 and Llama 4 (beside the checkout).</summary>
public sealed class GoldenTokenizerTests
{
    [Theory]
    [InlineData("llama3")]
    [InlineData("llama4")]
    public void Every_golden_string_gives_the_reference_ids(string family)
    {
        var tokenizer = TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", family + "_tokenizer.model"));
        AssertCases(tokenizer, family);
    }

    [Theory]
    [InlineData("llama3", false)]
    [InlineData("llama4", true)]
    public void A_tokenizer_json_made_from_the_model_file_gives_the_same_ids(string family, bool mergesAsPairs)
    {
        using var folder = new TemporaryFolder();
        ConvertedTokenizer.Write(TestFiles.Shared("golden", "tokenizer", family + "_tokenizer.model"), folder["tokenizer.json"], mergesAsPairs);
        AssertCases(TokenizerFile.Load(folder.Path), family);
    }

    [Fact]
    public void A_GGUF_file_made_from_the_model_file_gives_the_same_ids()
    {
        using var folder = new TemporaryFolder();
        ConvertedTokenizer.Write(TestFiles.Shared("golden", "tokenizer", "llama3_tokenizer.model"), folder["source.json"], mergesAsPairs: false);
        new GgufSample().Tokenizer(folder["source.json"]).Write(folder["model.gguf"]);
        AssertCases(ModelTokenizer.Load(folder["model.gguf"]), "llama3");
    }

    [Theory]
    [InlineData("llama3")]
    [InlineData("llama4")]
    public void Long_runs_are_cut_as_in_the_reference(string family)
    {
        var tokenizer = TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", family + "_tokenizer.model"));
        using var cases = Fixture("long_cases.json");
        foreach (var row in cases.RootElement.EnumerateArray())
        {
            var text = string.Concat(Enumerable.Repeat(row.GetProperty("unit").GetString(), row.GetProperty("count").GetInt32()));
            var expected = row.GetProperty(family);
            var ids = new List<int>();
            tokenizer.Encode(text, ids);
            Assert.Equal(expected.GetProperty("length").GetInt32(), ids.Count);
            var bytes = ids.SelectMany(BitConverter.GetBytes).ToArray(); // little endian on every machine we run on
            Assert.Equal(expected.GetProperty("sha256_int32le").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
    }

    [Theory]
    [InlineData("llama3")]
    [InlineData("llama4")]
    public void Every_golden_string_survives_the_way_to_ids_and_back(string family)
    {
        var tokenizer = TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", family + "_tokenizer.model"));
        using var cases = Fixture("cases.json");
        foreach (var text in cases.RootElement.EnumerateArray().Select(row => row.GetProperty("text").GetString()!))
        {
            var ids = new List<int>();
            tokenizer.EncodeWithSpecials(text, ids);
            Assert.Equal(text, tokenizer.Decode([.. ids]));
        }
    }

    [Theory]
    [InlineData("llama3", SplitPattern.Llama3)]
    [InlineData("llama4", SplitPattern.Llama4)]
    public void Special_tokens_and_patterns_are_those_of_the_reference(string family, string pattern)
    {
        using var fixture = Fixture("special_tokens.json");
        var expected = fixture.RootElement.GetProperty(family);
        Assert.Equal(expected.GetProperty("pattern").GetString(), pattern);
        var specials = family == "llama3" ? SpecialTokens.Llama3() : SpecialTokens.Llama4();
        Assert.Equal(expected.GetProperty("n_words").GetInt32(), expected.GetProperty("base").GetInt32() + specials.Count);
        foreach (var special in expected.GetProperty("meta_special_tokens").EnumerateObject())
        {
            Assert.Equal(special.Value.GetInt32(), specials[special.Name]);
        }
    }

    [Fact]
    public void The_ids_that_the_verdict_is_read_at_are_single_tokens()
    {
        var llama3 = TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", "llama3_tokenizer.model"));
        var llama4 = TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", "llama4_tokenizer.model"));
        Assert.Equal("safe", llama3.Decode(19193));
        Assert.Equal("unsafe", llama3.Decode(39257));
        Assert.Equal("unsafe", llama4.Decode(72110));
        Assert.True(llama3.TryGetSpecial("<|eot_id|>", out var eot) && eot == 128009);
        Assert.True(llama4.TryGetSpecial("<|patch|>", out var patch) && patch == 200092);
        Assert.Equal((128256, 202048), (llama3.VocabularySize, llama4.VocabularySize));
    }

    private static void AssertCases(BpeTokenizer tokenizer, string family)
    {
        using var cases = Fixture("cases.json");
        Assert.Equal(154, cases.RootElement.GetArrayLength());
        foreach (var row in cases.RootElement.EnumerateArray())
        {
            var text = row.GetProperty("text").GetString()!;
            var (plain, special) = (new List<int>(), new List<int>());
            tokenizer.Encode(text, plain);
            tokenizer.EncodeWithSpecials(text, special);
            Assert.Equal(Ids(row, family), plain);
            Assert.Equal(Ids(row, family + "_special"), special);
        }
    }

    private static IEnumerable<int> Ids(JsonElement row, string column) => row.GetProperty(column).EnumerateArray().Select(id => id.GetInt32());

    private static JsonDocument Fixture(string name) => JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("tokenizer", name)));
}
