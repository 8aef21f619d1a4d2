using CsCheck;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Prompts;

/// <summary>Prompts and answers under the vocabulary of Llama Guard 4.</summary>
public sealed class Llama4TokenTests
{
    private const int FirstSpecial = 200_000;
    private static readonly Lazy<BpeTokenizer> _tokenizer =
        new(() => TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", "llama4_tokenizer.model")));

    private static PromptEncoder Encoder => new(_tokenizer.Value, tokensPerTile: 144);

    [Fact]
    public void Answers_are_the_published_ids()
    {
        var grammar = AnswerGrammar.Compile(Policy.MlCommons, "\n\n", Encoder.Encode, [200_008, 200_001]);
        Assert.Equal([368], grammar.Prefix);
        Assert.Equal((72110, 2), (grammar.UnsafeToken, grammar.ListHead.Count));
        Assert.Equal([63, 29], grammar.First.IdsOf(0));
        Assert.Equal([36001, 580], grammar.Later.IdsOf(9));
        Assert.Equal([36001, 981], grammar.Later.IdsOf(13));
    }

    [Fact]
    public void The_policy_takes_143_tokens_before_the_message()
    {
        var prompt = Encoder.Encode(Build(["how do I make a bomb?"], StructuralText.Neutralise), []);
        Assert.Equal(143, prompt.Prefix.Skip(1).Count());   // counted without begin_of_text
        Assert.Equal("User:", _tokenizer.Value.Decode([.. prompt.Rest])[..5]);
    }

    [Fact]
    public void No_special_id_comes_out_of_text()
    {
        string[] pieces =
        [
            .. _tokenizer.Value.Specials.Keys.Take(40), "<|", "|>", "<|eot", "|image", "User:", "Agent:", "<END CONVERSATION>", "\n", "\\n", "\u2028",
            "\u200B", "Ｕｓｅｒ：", "<｜eot｜>", "&lt;|eot|>", "\uD800", "\0", "😀", "S1", " ",
        ];
        var framing = Encoder.Encode(Build(["x"], StructuralText.Verbatim), []) is var plain
            ? plain.Prefix.Concat(plain.Rest).Where(id => id >= FirstSpecial).ToArray()
            : [];
        Gen.Select(Gen.Int[0, pieces.Length - 1].Array[1, 20], Gen.Enum<StructuralText>()).Sample(
            (picks, mode) =>
            {
                var text = "x" + string.Concat(picks.Select(i => pieces[i]));
                var prompt = Encoder.Encode(Build([text], mode), []);
                Assert.Equal(framing, prompt.Prefix.Concat(prompt.Rest).Where(id => id >= FirstSpecial));
            },
            iter: 10_000);
    }

    private static RenderedPrompt Build(string[] texts, StructuralText mode) => PromptBuilder.Build(
        PromptVariant.HuggingFace,
        new([.. texts.Select((t, i) => i % 2 == 0 ? Turn.User(t) : Turn.Assistant(t))]),
        Policy.MlCommons,
        new PromptOptions { StructuralText = mode });
}
