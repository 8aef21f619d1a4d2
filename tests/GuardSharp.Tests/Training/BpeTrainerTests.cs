using GuardSharp.Lab.Training;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Training;

public sealed class BpeTrainerTests
{
    private static readonly string[] _texts = [.. Enumerable.Range(0, 400).Select(i => $"User: is it safe to mix {i} of these? Agent: unsafe mixtures, naïve ideas, ดี मस्ते 😀 and {i * i}\n\n")];

    [Fact]
    public void The_learned_file_loads_with_the_wanted_size_and_the_specials_last()
    {
        using var folder = new TemporaryFolder();
        var options = BpeTrainerOptions.ForGuard(400);
        TokenizerJson.Write(BpeTrainer.Learn(_texts, options), folder["tokenizer.json"]);
        var tokenizer = TokenizerFile.Load(folder.Path);
        Assert.Equal(400, tokenizer.VocabularySize);
        for (var i = 0; i < options.Specials.Count; i++)
        {
            Assert.True(tokenizer.TryGetSpecial(options.Specials[i], out var id));
            Assert.Equal(400 - options.Specials.Count + i, id);
        }

        var ids = new List<int>();
        tokenizer.Encode(_texts[7], ids);
        Assert.Equal(_texts[7], tokenizer.Decode([.. ids]));
        Assert.True(ids.Count < _texts[7].Length / 2, "learned tokens are used");
    }

    [Fact]
    public void Whole_words_are_single_tokens_even_if_the_texts_lack_them()
    {
        using var folder = new TemporaryFolder();
        var options = BpeTrainerOptions.ForGuard(320);
        TokenizerJson.Write(BpeTrainer.Learn(["aa bb aa bb aab aab xyz xyz"], options), folder["tokenizer.json"]);
        var tokenizer = TokenizerFile.Load(folder.Path);
        foreach (var word in options.WholeWords)
        {
            var ids = new List<int>();
            tokenizer.Encode(word, ids);
            Assert.Single(ids);
        }
    }

    [Fact]
    public void The_same_texts_give_the_same_file()
    {
        var first = BpeTrainer.Learn(_texts, BpeTrainerOptions.ForGuard(500));
        var second = BpeTrainer.Learn(_texts, BpeTrainerOptions.ForGuard(500));
        Assert.Equal(first.Merges, second.Merges);
    }

    [Fact]
    public void No_two_tokens_have_the_same_bytes()
    {
        // "abc" comes out of a+bc and of ab+c.
        string[] texts = ["abc", "abc", "xbc", "xbc", "xbc", "aby", "aby", "aby", "ybc", "ybc", "abz", "abz"];
        var learned = BpeTrainer.Learn(texts, BpeTrainerOptions.ForGuard(330));
        Assert.Equal(learned.Tokens.Count, learned.Tokens.Select(Convert.ToHexString).Distinct().Count());
        Assert.Equal(learned.Merges.Count, learned.Merges.Distinct().Count());
    }

    [Fact]
    public void A_whole_word_of_two_pieces_is_refused() =>
        Assert.Throws<ArgumentException>(() => BpeTrainer.Learn(["a"], new BpeTrainerOptions(300, [], ["two words"])));

    [Fact]
    public void A_size_without_room_for_the_whole_words_is_refused() =>
        Assert.Throws<ArgumentException>(() => BpeTrainer.Learn(["a"], BpeTrainerOptions.ForGuard(270)));
}
