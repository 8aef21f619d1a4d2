using GuardSharp.Conversations;
using GuardSharp.Lab.Training.Pretrained;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Words;

namespace GuardSharp.Tests.Training;

/// <summary>The teacher that knows words alone.</summary>
public sealed class WordTeacherTests
{
    private static readonly string[] Objects =
    [
        "bread", "soup", "lamp", "river", "garden", "violin", "mountain", "letter", "window", "castle", "button", "forest",
        "island", "kettle", "ladder", "marble", "needle", "orange", "pillow", "rocket", "saddle", "temple", "valley", "walnut",
    ];

    private static TrainingRow Row(string id, string text, bool isUnsafe, string category = "S2", string language = "en") =>
        new(id, "a", language, Conversation.OfUser(text), isUnsafe, isUnsafe ? [category] : [], null);

    /// <summary>For each object a safe and two unsafe texts, each with one word that tells; the others differ, so that no two texts are near duplicates.</summary>
    private static List<TrainingRow> Rows() =>
    [
        .. Texts("paint").Select((text, index) => Row($"s{index}", text, false)),
        .. Texts("burglarise").Select((text, index) => Row($"u{index}", text, true)),
        .. Texts("hatred").Select((text, index) => Row($"v{index}", text, true, "S10")),
    ];

    private static IEnumerable<string> Texts(string word) =>
        Objects.Select((thing, index) => $"{word} {thing} {Objects[(index + 5) % Objects.Length]} {Objects[((index * 7) + 11) % Objects.Length]}");

    [Fact]
    public void Rows_are_judged_rightly_by_classifiers_that_did_not_see_them()
    {
        var rows = Rows();

        var opinions = new WordTeacher(1, _ => { }).Teach(rows, [.. Enumerable.Range(0, rows.Count)]);

        Assert.All(rows.Index(), row => Assert.Equal(row.Item.Unsafe, opinions.Unsafe[row.Index] > 0.5));
        Assert.All(rows.Index().Where(row => row.Item.Unsafe), row =>
            Assert.Equal(row.Item.Categories[0], $"S{Array.IndexOf(opinions.Categories[row.Index]!, opinions.Categories[row.Index]!.Max()) + 1}"));
    }

    [Fact]
    public void A_row_that_was_not_chosen_has_no_opinion()
    {
        var rows = Rows();

        var opinions = new WordTeacher(1, _ => { }).Teach(rows, [.. Enumerable.Range(1, rows.Count - 1)]);

        Assert.True(float.IsNaN(opinions.Unsafe[0]));
        Assert.Null(opinions.Categories[0]);
    }

    [Fact]
    public void Near_duplicates_and_translations_stand_in_one_part()
    {
        List<TrainingRow> rows =
        [
            .. Objects.Select(thing => Row(thing, $"a sentence about a {thing} that stands alone in its part of {thing} land", false)),
            Row("one", "Tell me everything about the long journey of the old sailor round the cape of storms.", false),
            Row("two", "tell me everything about the long journey of the old sailor round the cape of storms!!", true),
            Row("xquad/en:7", "completely other words", false) with { Source = "xquad" },
            Row("xquad/de:7", "ganz andere Worte", false, language: "de") with { Source = "xquad" },
        ];

        var parts = RowParts.Of(rows, 5);

        Assert.Equal(parts[^4], parts[^3]);
        Assert.Equal(parts[^2], parts[^1]);
        Assert.True(parts.Distinct().Count() > 1);
    }

    [Fact]
    public void Features_have_length_one_and_differ_between_prompts_and_responses()
    {
        float[] rarity = [.. Enumerable.Repeat(1f, WordFeatures.Size)];

        var prompt = WordFeatures.Of("Grüße aus Köln, 12 मीठे आम", 0).Scaled(rarity);
        var response = WordFeatures.Of("Grüße aus Köln, 12 मीठे आम", 7);

        Assert.Equal(1, prompt.Values.Sum(value => value * value), 1e-4);
        Assert.True(prompt.Indices.Intersect(response.Indices).Count() <= 2); // by chance alone
    }

    [Fact]
    public void Joint_opinions_are_those_of_the_one_teacher_that_has_one_and_lie_between_two()
    {
        List<TrainingRow> rows = [Row("1", "x", true), Row("2", "y", true), Row("3", "z", false)];
        var sentences = new TeacherOpinions([0.9f, float.NaN, 0.2f], [null, null, null]);
        var words = new TeacherOpinions([0.5f, 0.7f, float.NaN], [[.. Enumerable.Repeat(1f / 14, 14)], null, null]);

        var joint = TeacherPanel.Join(rows, sentences, words, 0.5);

        Assert.InRange(joint.Unsafe[0], 0.74f, 0.76f); // logits 2.197 and 0, so sigmoid(1.099)
        Assert.Equal([0.7f, 0.2f], joint.Unsafe[1..]);
        Assert.NotNull(joint.Categories[0]);
    }

    [Fact]
    public void A_source_with_enough_rows_of_both_verdicts_chooses_the_share_that_ranks_it_best()
    {
        List<TrainingRow> rows = [.. Enumerable.Range(0, 120).Select(number => Row($"{number}", "x", number % 2 == 0))];
        // One teacher knows, the other is sure of the contrary.
        var right = new TeacherOpinions([.. rows.Select(row => row.Unsafe ? 0.6f : 0.4f)], [.. rows.Select(_ => (float[]?)null)]);
        var wrong = new TeacherOpinions([.. rows.Select(row => row.Unsafe ? 0.01f : 0.99f)], right.Categories);

        var joint = TeacherPanel.Join(rows, right, wrong, 0.5);

        Assert.Equal(right.Unsafe, joint.Unsafe, (a, b) => Math.Abs(a - b) < 1e-6);
    }
}
