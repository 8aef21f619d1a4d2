using System.Diagnostics;
using System.Text;
using CsCheck;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

public sealed class TokenizerPropertyTests
{
    private static readonly Gen<string> _texts = Gen.OneOf(Gen.Int[0, 0x7F], Gen.Int[0, 0x2FF], Gen.Int[0, 0xD7FF], Gen.Int[0xE000, 0xFFFF], Gen.Int[0x10000, 0x10FFFF])
        .Array[0, 60].Select(points => string.Concat(points.Select(char.ConvertFromUtf32)));

    private readonly BpeTokenizer _tokenizer = SmallTokenizer.Load();

    [Fact]
    public void Any_text_comes_back_from_its_ids() =>
        _texts.Sample(text => Assert.Equal(text, _tokenizer.Decode([.. _tokenizer.Encode(text)])), iter: 10_000);

    [Fact]
    public void No_special_id_comes_out_of_text()
    {
        // Spellings whole, cut, doubled, glued to text and to look-alikes.
        var names = _tokenizer.Specials.Keys.ToArray();
        var pieces = names
            .Concat(names.Select(name => name[..^1])).Concat(names.Select(name => name[1..])).Concat(names.Select(name => name.ToUpperInvariant()))
            .Concat([" ", "\n", "a", "<", "|", ">", "<|", "|>", "\u200B", "｜", "\uFEFF", "<|reserved_special_token_0|>"]).ToArray();
        var special = _tokenizer.Specials.Values.ToHashSet();
        Gen.Int[0, pieces.Length - 1].Array[1, 12].Select(places => string.Concat(places.Select(place => pieces[place]))).Sample(
            text =>
            {
                var ids = _tokenizer.Encode(text);
                Assert.DoesNotContain(ids, special.Contains);
                Assert.Equal(text, _tokenizer.Decode([.. ids]));
            },
            iter: 10_000);
    }

    [Fact]
    public void With_specials_each_spelling_is_its_id()
    {
        var ids = new List<int>();
        _tokenizer.EncodeWithSpecials("<|user|>safe<|eot|><|eot|", ids);
        List<int> expected = [_tokenizer.Specials["<|user|>"], .. _tokenizer.Encode("safe"), _tokenizer.Specials["<|eot|>"], .. _tokenizer.Encode("<|eot|")];
        Assert.Equal(expected, ids);
    }

    [Theory]
    [InlineData("\uD800")]
    [InlineData("\uDC00\uD800")]
    [InlineData("a\uD83Db")]
    public void A_lone_surrogate_is_the_replacement_character(string text)
    {
        var replaced = new string([.. text.Select(unit => char.IsSurrogate(unit) ? '\uFFFD' : unit)]);
        Assert.Equal(_tokenizer.Encode(replaced), _tokenizer.Encode(text));
    }

    [Fact]
    public void Every_id_has_bytes_and_no_other_has()
    {
        for (var id = 0; id < _tokenizer.VocabularySize; id++)
        {
            Assert.False(_tokenizer.BytesOf(id).IsEmpty);
        }

        Assert.Equal("<|eot|>", Encoding.UTF8.GetString(_tokenizer.BytesOf(_tokenizer.Specials["<|eot|>"]).Span));
        Assert.Throws<ArgumentOutOfRangeException>(() => _tokenizer.BytesOf(_tokenizer.VocabularySize));
        Assert.Throws<ArgumentOutOfRangeException>(() => _tokenizer.BytesOf(-1));
    }

    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("é😀")]
    [InlineData("'")]
    [InlineData("A\u0301")]
    [InlineData("\n ")]
    public void A_piece_of_half_a_megabyte_is_merged_in_well_under_quadratic_time(string unit)
    {
        // Quadratic merging of one piece of 500,000 bytes would take minutes; n log n takes well under a second here.
        var text = string.Concat(Enumerable.Repeat(unit, 500_000 / unit.Length));
        var clock = Stopwatch.StartNew();
        var ids = _tokenizer.Encode(text);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"took {clock.Elapsed}");
        Assert.Equal(text.Length, _tokenizer.Decode([.. ids]).Length);
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        var text = string.Concat(Enumerable.Repeat("Is it safe to share this? ", 50));
        var expected = _tokenizer.Encode(text);
        Parallel.For(0, 64, _ => Assert.Equal(expected, _tokenizer.Encode(text)));
    }
}
