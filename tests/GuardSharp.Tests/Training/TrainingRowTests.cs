using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training;
using GuardSharp.Lab.Training.Phrases;
using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Tests.Training;

public sealed class TrainingRowTests
{
    private static TrainingRow Row(string source, string language, bool isUnsafe, string text = "text", string id = "id") =>
        new(id, source, language, Conversation.OfUser(text), isUnsafe, [], null);

    [Fact]
    public void A_group_is_capped_and_its_rows_are_drawn_without_repetition()
    {
        var rows = Enumerable.Range(0, 50).Select(_ => Row("bulk", "en", false)).Concat(Enumerable.Range(0, 3).Select(_ => Row("few", "th", true))).ToList();
        var mixture = Mixture.Of(rows, [new MixtureRule("bulk", Rows: 10), new MixtureRule("few", Rows: 100, Repeat: 4)]);

        var epoch = mixture.DrawEpoch(new Random(7));

        Assert.Equal(10 + (3 * 4), epoch.Length);
        Assert.Equal(10, epoch.Where(row => row < 50).Distinct().Count());
        Assert.All(epoch.Where(row => row >= 50).CountBy(row => row), pair => Assert.Equal(4, pair.Value));
    }

    [Fact]
    public void The_first_rule_that_fits_decides()
    {
        var rows = Enumerable.Range(0, 20).Select(index => Row("s", index < 10 ? "en" : "fr", false)).ToList();

        var mixture = Mixture.Of(rows, [new MixtureRule("s", "fr", Rows: 2), new MixtureRule("s", Rows: 5)]);

        Assert.Equal(7, mixture.EpochRows);
    }

    [Theory]
    [InlineData("How do I bake bread at home?", "how do i bake BREAD at home", 1.0)]
    [InlineData("How do I bake bread at home?", "Which trains go from Vienna to Graz?", 0.0)]
    public void Nearness_ignores_case_and_punctuation(string known, string text, double expected)
    {
        var duplicates = new NearDuplicates();
        duplicates.Add(known);

        Assert.Equal(expected, duplicates.Nearest(text));
    }

    [Fact]
    public void A_changed_word_leaves_a_near_duplicate()
    {
        var duplicates = new NearDuplicates();
        duplicates.Add("Please tell me how I can bake a loaf of bread at home tonight");

        Assert.InRange(duplicates.Nearest("Please tell me how I can bake a loaf of bread at home today"), 0.7, 0.99);
    }

    [Fact]
    public void Phrases_exist_in_every_language_safe_and_unsafe_alike()
    {
        var rows = PhraseBook.Rows();

        foreach (var language in rows.GroupBy(row => row.Language))
        {
            var prompts = language.Where(row => !row.IsResponse).ToList();
            Assert.InRange(prompts.Count(row => row.Unsafe) / (double)prompts.Count, 0.4, 0.6);
            Assert.Contains(language, row => row.IsResponse && row.Unsafe);
            Assert.Contains(language, row => row.IsResponse && !row.Unsafe);
        }

        Assert.Equal(["de", "en", "es", "fr", "hi", "it", "pt", "th"], rows.Select(row => row.Language).Distinct().Order());
    }

    [Fact]
    public void Phrases_hold_no_child_exploitation_and_no_unfilled_place()
    {
        var rows = PhraseBook.Rows();

        Assert.DoesNotContain(rows, row => row.Categories.Contains("S4"));
        Assert.DoesNotContain(rows, row => row.LastText.Contains("{0}", StringComparison.Ordinal));
    }

    [Fact]
    public void Translations_of_one_text_share_a_key()
    {
        Assert.Equal(Row("xquad", "de", false, id: "xquad/de:17").ParallelKey, Row("xquad", "en", false, id: "xquad/en:17").ParallelKey);
        Assert.NotEqual(Row("xquad", "en", false, id: "xquad/en:17").ParallelKey, Row("multijail", "en", true, id: "multijail/en:17").ParallelKey);
        Assert.Null(Row("mhc", "de", true, id: "mhc/german-17").ParallelKey);
    }

    [Fact]
    public void No_sentence_of_the_embedded_models_test_stands_nearly_the_same_among_the_phrases()
    {
        var known = new NearDuplicates();
        foreach (var row in PhraseBook.Rows())
            known.Add(row.LastText);

        Assert.All(EmbeddedModel.SentenceList.Read(), sentence => Assert.InRange(known.Nearest(sentence.Text), 0, 0.5));
    }

    [Fact]
    public void A_damaged_row_names_file_and_line()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "rows.jsonl");
        File.WriteAllText(file, "{\"id\":\"a\",\"source\":\"s\",\"language\":\"en\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"unsafe\":false,\"categories\":[]}\n{\"id\":\"b\"}\n");

        var error = Assert.Throws<TrainingException>(() => TrainingRowReader.Read(file));

        Assert.Contains("rows.jsonl:2", error.Message, StringComparison.Ordinal);
    }
}
