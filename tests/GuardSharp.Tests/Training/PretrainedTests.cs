using GuardSharp.Lab.Training.Phrases;
using GuardSharp.Lab.Training.Pretrained;

namespace GuardSharp.Tests.Training;

public sealed class PretrainedTests
{
    [Fact]
    public void Alignment_finds_which_words_translate_each_other()
    {
        // 1 red 2 green 3 house 4 car; 11 rot 12 gruen 13 haus 14 auto, in the other order.
        (int[] English, int[] Foreign)[] pairs =
        [
            ([1, 3], [13, 11]), ([2, 3], [13, 12]), ([1, 4], [14, 11]), ([2, 4], [14, 12]), ([1], [11]), ([4], [14]),
        ];

        var meanings = TokenAlignment.Align(pairs);

        foreach (var token in (int[])[11, 12, 13, 14])
            Assert.Equal(token - 10, meanings[token].MaxBy(entry => entry.Probability).English);
    }

    [Fact]
    public void Vectors_are_found_again_and_a_record_cut_off_is_dropped()
    {
        using var folder = new TemporaryFolder();
        var file = folder["vectors"];
        using (var cache = new VectorCache(file, 3))
        {
            cache.Add("one", [1, 2, 3]);
            cache.Add("two", [4, 5, 6]);
        }

        using (var stream = new FileStream(file, FileMode.Open))
            stream.SetLength(stream.Length - 1);

        using var again = new VectorCache(file, 3);
        Assert.Equal([1, 2, 3], again.Find("one")!);
        Assert.Null(again.Find("two"));
    }

    [Fact]
    public void A_refusal_is_safe_and_a_willing_answer_is_as_safe_as_its_prompt()
    {
        var replies = ReplyBook.Rows(PhraseBook.Rows().Concat([PhraseBook.Rows().First(row => row.Unsafe && row.Language == "en") with { Source = "advbench" }]).ToList(), 1);

        Assert.All(replies.Where(row => row.Id.Contains("/refusal", StringComparison.Ordinal)), row => Assert.False(row.Unsafe));
        Assert.Contains(replies, row => row.Unsafe && row.Id.StartsWith("replies/willing", StringComparison.Ordinal));
        Assert.All(replies, row => Assert.True(row.IsResponse));
    }

    [Fact]
    public void A_remark_row_is_unsafe_exactly_when_one_of_its_statements_is()
    {
        var rows = RemarkBook.Rows(1);

        Assert.All(rows, row => Assert.Equal(row.Unsafe, row.Categories.Count > 0));
        Assert.Equal(rows.Count / 2, rows.Count(row => row.Unsafe));
        Assert.DoesNotContain(rows, row => row.Categories.Contains("S4"));
    }
}
