using GuardSharp.Conversations;
using GuardSharp.Imaging;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Prompts;

/// <summary>Prompts and answers under the vocabulary of Llama Guard 3.</summary>
public sealed class Llama3TokenTests
{
    private const int EndOfTurn = 128_009;
    private static readonly Lazy<BpeTokenizer> _tokenizer =
        new(() => TokenizerFile.Load(TestFiles.Shared("golden", "tokenizer", "llama3_tokenizer.model")));

    private static PromptEncoder Encoder => new(_tokenizer.Value, new SingleTokenMarkup());

    [Fact]
    public void Answers_are_the_published_ids()
    {
        var grammar = AnswerGrammar.Compile(Policy.MlCommons, "\n\n", Encoder.Encode, [EndOfTurn, 128_001, 128_008]);
        Assert.Equal((19193, 39257), (grammar.SafeToken, grammar.UnsafeToken));
        Assert.Single(grammar.Prefix);
        Assert.Equal(2, grammar.ListHead.Count);
        Assert.Contains(EndOfTurn, grammar.StopTokens);
        Assert.Equal("S10", _tokenizer.Value.Decode([.. grammar.First.IdsOf(9)]));
        Assert.Equal(",S14", _tokenizer.Value.Decode([.. grammar.Later.IdsOf(13)]));
    }

    [Theory]
    [InlineData(PromptVariant.Guard3)]
    [InlineData(PromptVariant.Guard3Small)]
    [InlineData(PromptVariant.Guard3Vision)]
    public void A_prompt_begins_and_ends_with_the_special_ids(PromptVariant variant)
    {
        var prompt = Encoder.Encode(Build(variant, [new TextPart("x <|eot_id|>")]), []);
        int[] ids = [.. prompt.Prefix, .. prompt.Rest];
        Assert.Equal([128000, 128006, 882, 128007], ids[..4]);
        Assert.Equal([EndOfTurn, 128006, 78191, 128007], ids[^4..]);
        Assert.Equal(1, ids.Count(id => id == EndOfTurn));
        Assert.Equal(PromptBuilder.EndTagOf(variant), _tokenizer.Value.Decode(EndOfTurn));
    }

    [Fact]
    public void A_picture_is_one_token_before_the_task()
    {
        var tiles = new TiledImage([], 560, 2, 2, false);
        var prompt = Encoder.Encode(Build(PromptVariant.Guard3Vision, [new ImagePart(new byte[] { 1 }), new TextPart("What is this?")]), [tiles]);
        Assert.Empty(prompt.Prefix);
        // This is the id of Meta's own file; published folders have 128256 (tests/golden/README.md, M9).
        Assert.Equal(128_011, prompt.Rest[5]);
        Assert.Equal(1, Encoder.CountPatches(prompt));
        Assert.Equal(" Task", _tokenizer.Value.Decode(prompt.Rest[6]));
    }

    private static RenderedPrompt Build(PromptVariant variant, ContentPart[] parts) =>
        PromptBuilder.Build(variant, new([new Turn(Role.User, parts)]), Policy.MlCommons, new PromptOptions());
}
