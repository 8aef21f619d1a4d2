using System.Text;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>Files that cannot be used: each error names the file and what is wrong.</summary>
public sealed class TokenizerFileTests
{
    private const string SplitStep = "\"type\":\"Split\"";
    private const string OwnPattern = "\"trim_offsets\":true,\"use_regex\":false}]}";

    [Fact]
    public void A_folder_is_searched_for_both_kinds_of_file()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("neither tokenizer.json nor tokenizer.model", Assert.Throws<CheckpointException>(() => TokenizerFile.Load(folder.Path)).Message, StringComparison.Ordinal);
        File.Copy(SmallTokenizer.Path, folder["tokenizer.json"]);
        Assert.Equal(900, TokenizerFile.Load(folder.Path).VocabularySize);
    }

    [Fact]
    public void A_missing_file_is_an_error() => Assert.Throws<CheckpointException>(() => TokenizerFile.Load("/nowhere/tokenizer.json"));

    [Theory]
    [InlineData("", "byte 0x00")]
    [InlineData("AA== 0\n!!!! 1\n", "line 2 is no base64")]
    [InlineData("AA== 0\nAQ==\n", "line 2 has no whole number")]
    [InlineData("AA== 0\nAQ== 1.5\n", "line 2 has no whole number")]
    [InlineData("AA== 0\nAQ== 0\n", "two tokens have the id 0")]
    [InlineData("AA== 0\nAA== 1\n", "tokens 0 and 1 have the same bytes")]
    [InlineData("AA== -1\n", "outside")]
    [InlineData("AA== 99999999999\n", "no whole number")]
    [InlineData(" 0\n", "line 1 is no base64")]
    public void A_damaged_model_file_is_an_error(string content, string expected) => AssertRefused("tokenizer.model", content, expected);

    [Fact]
    public void A_model_file_with_a_gap_in_its_ranks_is_an_error() => AssertRefused("tokenizer.model", Bytes() + "YWE= 300\n", "without gaps");

    [Fact]
    public void A_model_file_of_another_family_is_an_error() => AssertRefused("tokenizer.model", Bytes() + "YWE= 256\n", "holds 257 tokens");

    [Theory]
    [InlineData("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", "\"normalizer\" is of the kind \"NFC\"")]
    [InlineData("\"normalizer\":null", "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]}", "\"normalizer\"")]
    [InlineData("\"pre_tokenizer\"", "\"pre_tokenizer2\"", "\"pre_tokenizer\" is missing")]
    [InlineData(SplitStep, "\"type\":\"Whitespace\"", "\"pre_tokenizer.pretokenizers\" known are")]
    [InlineData("\"Isolated\"", "\"Removed\"", "behavior\" is \"Removed\"")]
    [InlineData("\"Regex\"", "\"String\"", "holds no \"Regex\"")]
    [InlineData("\"Regex\":\"", "\"Regex\":\"(", "no regular expression")]
    [InlineData("\"type\":\"ByteLevel\",\"add_prefix_space\":false", "\"type\":\"ByteLevel\",\"add_prefix_space\":true", "ByteLevel step that is not known")]
    [InlineData(OwnPattern, "\"trim_offsets\":true,\"use_regex\":true}]}", "ByteLevel step that is not known")]
    [InlineData("\"type\":\"BPE\"", "\"type\":\"Unigram\"", "\"model.type\"")]
    [InlineData("\"dropout\":null", "\"dropout\":0.1", "\"model.dropout\" is set")]
    [InlineData("\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"", "\"model.end_of_word_suffix\" is set")]
    [InlineData("\"vocab\"", "\"vocab2\"", "\"model.vocab\" is missing")]
    [InlineData("\"merges\"", "\"merges2\"", "\"model.merges\" is missing")]
    [InlineData("\"model\"", "\"model2\"", "\"model\" is missing")]
    [InlineData("\"merges\":[", "\"merges\":[\"Ġ qqq\",", "\"model.merges\"[0] joins or makes a token")]
    [InlineData("\"merges\":[", "\"merges\":[\"Ġ\",", "\"model.merges\"[0] is neither")]
    [InlineData("\"merges\":[", "\"merges\":[[\"Ġ\",\"t\",\"h\"],", "\"model.merges\"[0] is neither")]
    [InlineData("\"merges\":[", "\"merges\":[7,", "where a token is due")]
    [InlineData("\"vocab\":{", "\"vocab\":{\"x x\":5000,", "byte-level alphabet")]
    [InlineData("\"vocab\":{", "\"vocab\":{\"ŀŁłŀ\":\"5\",", "no whole number")]
    [InlineData("\"vocab\":{", "\"vocab\":{\"ŀŁłŀ\":4,", "two tokens have the id 4")]
    [InlineData("\"vocab\":{", "\"vocab\":{\"ŀŁłŀ\":899,", "the id 899 belongs to")]
    [InlineData("\"vocab\":{", "\"vocab\":{\"ŀŁłŀ\":1200,", "without gaps")]
    [InlineData("\"vocab\":{", "\"vocab\":{\"ŀŁłŀ\":-3,", "outside")]
    [InlineData("\"special\":true", "\"special\":false", "\"added_tokens[0]\"")]
    [InlineData("\"lstrip\":false", "\"lstrip\":true", "\"added_tokens[0]\"")]
    [InlineData("\"id\":899", "\"id\":898", "\"added_tokens[11]\"")]
    [InlineData("\"id\":899", "\"id\":\"899\"", "\"added_tokens[11]\"")]
    [InlineData("\"merges\":[", "\"merges\":[,", "no well-formed JSON")]
    [InlineData("\"normalizer\"", "\"\\ud800\"", "no well-formed JSON")]
    public void A_json_file_that_means_something_else_is_an_error(string seen, string instead, string expected)
    {
        var json = File.ReadAllText(SmallTokenizer.Path);
        var at = json.IndexOf(seen, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the small tokenizer holds no {seen}");
        AssertRefused("tokenizer.json", string.Concat(json.AsSpan(0, at), instead, json.AsSpan(at + seen.Length)), expected);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.999)]
    public void A_truncated_json_file_is_an_error(double share)
    {
        var json = File.ReadAllText(SmallTokenizer.Path);
        AssertRefused("tokenizer.json", json[..(int)(json.Length * share)], "no well-formed JSON");
    }

    [Fact]
    public void Merges_as_pairs_and_the_order_of_the_file_change_nothing()
    {
        using var folder = new TemporaryFolder();
        var json = File.ReadAllText(SmallTokenizer.Path);
        var merges = json[(json.IndexOf("\"merges\":[", StringComparison.Ordinal) + 10)..json.LastIndexOf(']')];
        var pairs = string.Join(",", merges[1..^1].Split("\",\"").Select(merge => $"[\"{merge.Replace(" ", "\",\"", StringComparison.Ordinal)}\"]"));
        var model = json[json.IndexOf("\"model\":", StringComparison.Ordinal)..^1].Replace(merges, pairs, StringComparison.Ordinal);
        var swapped = folder.Write("tokenizer.json", "{" + model + "," + json[1..json.IndexOf(",\"model\":", StringComparison.Ordinal)] + "}");
        var text = File.ReadAllText(TestFiles.Golden("README.md"));
        Assert.Equal(SmallTokenizer.Load().Encode(text), TokenizerFile.Load(swapped).Encode(text));
    }

    [Fact]
    public void Without_ignore_merges_only_merges_make_tokens()
    {
        using var folder = new TemporaryFolder();
        var json = File.ReadAllText(SmallTokenizer.Path);
        var start = json.IndexOf("\"merges\":[", StringComparison.Ordinal) + 10;
        var without = json[..start] + json[json.LastIndexOf(']')..];
        var whole = TokenizerFile.Load(folder.Write("whole.json", without)).Encode("safe");
        var bytes = TokenizerFile.Load(folder.Write("bytes.json", without.Replace("\"ignore_merges\":true", "\"ignore_merges\":false", StringComparison.Ordinal))).Encode("safe");
        Assert.Equal((1, 4), (whole.Count, bytes.Count));
    }

    private static void AssertRefused(string name, string content, string expected)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write(name, content);
        var message = Assert.Throws<CheckpointException>(() => TokenizerFile.Load(path)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.StartsWith(path, message, StringComparison.Ordinal);
    }

    private static string Bytes()
    {
        var lines = new StringBuilder();
        for (var value = 0; value < 256; value++)
        {
            lines.Append(Convert.ToBase64String([(byte)value])).Append(' ').Append(value).Append('\n');
        }

        return lines.ToString();
    }
}
