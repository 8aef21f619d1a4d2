using GuardSharp.Conversations;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Lab;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;

namespace GuardSharp.Tests.FineTuning;

/// <summary>Random tokens in the rows of a training run.</summary>
public sealed class TokenNoiseTests
{
    private static readonly Conversation _answered = new([Turn.User("how do I cook bread"), Turn.Assistant("with flour and water")]);

    private readonly TypableTokens _tokens = new(ModelTokenizer.Load(GuardClassifier.DefaultModelFolder), 12_000, asciiOnly: true);

    [Fact]
    public void Noise_stands_behind_the_question_or_the_answer_and_nothing_else_changes()
    {
        var noise = new TokenNoise(_tokens, new TokenNoiseRates { Share = 1, Tokens = 5 });
        var random = new Random(3);
        var changed = new bool[2];
        for (var i = 0; i < 50; i++)
        {
            var noisy = noise.Apply(_answered, random);
            var turn = Assert.Single(Enumerable.Range(0, 2), turn => TextOf(noisy, turn) != TextOf(_answered, turn));
            changed[turn] = true;
            var suffix = TextOf(noisy, turn);
            Assert.StartsWith(TextOf(_answered, turn) + " ", suffix);
            Assert.All(suffix, letter => Assert.InRange(letter, ' ', '~'));
        }

        Assert.Equal([true, true], changed);
    }

    [Fact]
    public void The_share_says_how_many_rows_get_noise_and_the_dice_decide_which()
    {
        var noise = new TokenNoise(_tokens, new TokenNoiseRates { Share = 0.25 });
        var random = new Random(5);
        // 250 of 1000 with a standard deviation of 14.
        Assert.InRange(Enumerable.Range(0, 1000).Count(_ => noise.Apply(_answered, random) != _answered), 190, 310);
        Assert.Equal(TextOf(noise.Apply(_answered, new Random(9)), 1), TextOf(noise.Apply(_answered, new Random(9)), 1));
    }

    [Fact]
    public void Replaced_tokens_change_the_text_itself()
    {
        var noise = new TokenNoise(_tokens, new TokenNoiseRates { Share = 1, Tokens = 1, Replaced = 0.5 });
        var texts = Enumerable.Range(0, 20).Select(seed => TextOf(noise.Apply(Conversation.OfUser("how do I cook bread and butter"), new Random(seed)), 0)).ToList();
        Assert.Contains(texts, text => !text.StartsWith("how do I cook bread and butter", StringComparison.Ordinal));
    }

    [Fact]
    public void A_row_is_learned_with_noise_under_its_own_label_and_judged_without()
    {
        using var run = SmallRun.Llama4().WithRows();
        run.Config = run.Config with { Data = run.Config.Data with { TokenNoise = new TokenNoiseRates { Share = 1, Tokens = 8 } } };
        using var opened = run.Open();
        for (var row = 0; row < opened.Source.Count; row++)
        {
            var sample = opened.Source.Read(row);
            var (plain, again) = (opened.Encoder.Encode(sample), opened.Encoder.Encode(sample));
            var noisy = opened.Encoder.Encode(sample, new AugmentationRates(), new Random(row));
            Assert.Equal(plain.Ids, again.Ids);
            Assert.NotEqual(plain.Ids, noisy.Ids);
            Assert.Equal((plain.Unsafe, plain.Verdict), (noisy.Unsafe, noisy.Verdict));
            Assert.Equal(plain.Targets, noisy.Targets);
        }
    }

    [Fact]
    public void A_row_that_noise_would_make_too_long_is_learned_without()
    {
        using var run = SmallRun.Llama4().WithRows();
        var data = run.Config.Data;
        int most;
        using (var plain = run.Open())
        {
            most = plain.Examples().Max(example => example.Ids.Length);
        }

        run.Config = run.Config with { SequenceTokens = most, Data = data with { TokenNoise = new TokenNoiseRates { Share = 1, Tokens = 200 } } };
        using var opened = run.Open();
        for (var seed = 0; seed < 20; seed++)
        {
            Assert.InRange(opened.Encoder.Encode(opened.Source.Read(seed % opened.Source.Count), new AugmentationRates(), new Random(seed)).Ids.Length, 1, most);
        }
    }

    [Theory]
    [InlineData("data.tokenNoise.share=2", "\"data.tokenNoise.share\" is 2; allowed is 0 to 1")]
    [InlineData("data.tokenNoise.tokens=0", "\"data.tokenNoise.tokens\" is 0; allowed is 1 to 1024")]
    [InlineData("data.tokenNoise.replaced=1", "\"data.tokenNoise.replaced\" is 1; allowed is from 0 to below 1")]
    [InlineData("data.tokenNoise.rate=1", "not a configuration of the recipe sft")]
    public void A_wrong_rate_is_named(string setting, string saying)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("run.json", """{"recipe":"sft","base":"b","output":"o","steps":1,"data":{"train":[{"file":"rows.jsonl"}]}}""");
        Assert.Contains(saying, Assert.Throws<TrainingException>(() => SftConfigReader.Read(file, [setting])).Message);
    }

    private static string TextOf(Conversation conversation, int turn) => ((TextPart)conversation.Turns[turn].Parts[0]).Text;
}
