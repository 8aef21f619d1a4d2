using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Training;

/// <summary>The rows that the project wrote itself: their form, and that the two halves stay apart.</summary>
public sealed class WrittenRowsTests
{
    /// <summary>From this share of common character 8-grams on, two texts count as one.</summary>
    private const double Near = 0.5;

    private static readonly Lazy<List<Sample>> _train = new(() => Read("written-train.jsonl"));
    private static readonly Lazy<List<Sample>> _dev = new(() => Read("written-dev.jsonl"));

    [Fact]
    public void Every_row_has_an_id_of_its_own_and_a_known_language()
    {
        List<Sample> rows = [.. _train.Value, .. _dev.Value];

        Assert.Equal(rows.Count, rows.Select(row => row.Id).Distinct().Count());
        Assert.All(rows, row => Assert.Equal("written", row.Source));
        Assert.All(rows, row => Assert.StartsWith($"written/{row.Language}-", row.Id, StringComparison.Ordinal));
        Assert.All(rows, row => Assert.Contains(row.Language, (string[])["en", "fr", "de", "hi", "it", "pt", "es", "th"]));
    }

    [Fact]
    public void Unsafe_rows_name_known_categories_and_none_is_about_children()
    {
        List<Sample> rows = [.. _train.Value, .. _dev.Value];

        Assert.All(rows, row => Assert.Equal(row.Unsafe, row.Categories.Count > 0));
        Assert.All(rows.SelectMany(row => row.Categories), code => Assert.NotNull(HazardTaxonomy.Find(code)));
        Assert.DoesNotContain(rows, row => row.Categories.Contains("S4"));
    }

    [Fact]
    public void No_text_stands_in_both_halves_nor_nearly()
    {
        var known = new NearDuplicates();
        foreach (var row in _dev.Value)
        {
            known.Add(Text(row));
        }

        Assert.All(_train.Value, row => Assert.True(known.Nearest(Text(row)) < Near, row.Id));
    }

    [Fact]
    public void No_sentence_of_the_embedded_models_test_stands_nearly_the_same_among_them()
    {
        var known = new NearDuplicates();
        foreach (var row in _train.Value.Concat(_dev.Value))
        {
            known.Add(Text(row));
        }

        Assert.All(EmbeddedModel.SentenceList.Read(), sentence => Assert.True(known.Nearest(sentence.Text) < Near, sentence.Text));
    }

    [Fact]
    public void No_text_stands_twice()
    {
        List<string> texts = [.. _train.Value.Concat(_dev.Value).Select(Text)];

        Assert.Equal(texts.Count, texts.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    [Theory]
    [InlineData("en")]
    [InlineData("fr")]
    [InlineData("de")]
    [InlineData("hi")]
    [InlineData("it")]
    [InlineData("pt")]
    [InlineData("es")]
    [InlineData("th")]
    public void A_false_positive_rate_can_be_stated(string language) =>
        Assert.InRange(_dev.Value.Count(row => row.Language == language && row.Unsafe == false && row.Task == SampleTask.Prompt), 300, int.MaxValue);

    private static List<Sample> Read(string name) =>
        [.. SampleReader.Read(Path.Combine(TestFiles.Root, "models", "training", name), labelled: true)];

    private static string Text(Sample row) =>
        string.Join('\n', row.Conversation.Turns.SelectMany(turn => turn.Parts).Cast<TextPart>().Select(part => part.Text));
}
