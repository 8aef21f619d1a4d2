using GuardSharp.Conversations;
using GuardSharp.Lab.Training.Phrases;
using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Tests.Training;

/// <summary>Texts that are put together: replies, and rows that only the teacher judges.</summary>
public sealed class OwnTextTests
{
    [Fact]
    public void Refusals_are_nearly_all_different_and_have_no_unfilled_place()
    {
        var text = new ReplyText(new Random(5));

        var refusals = Enumerable.Range(0, 2000).Select(_ => text.Refusal()).ToList();

        Assert.InRange(refusals.Distinct().Count(), 1800, 2000); // bare refusals repeat now and then
        Assert.DoesNotContain(refusals, refusal => refusal.Contains('{', StringComparison.Ordinal));
        Assert.Contains(refusals, refusal => refusal.Length < 60);
        Assert.Contains(refusals, refusal => refusal.Length > 400);
    }

    [Fact]
    public void Some_willing_answers_name_what_was_asked()
    {
        var text = new ReplyText(new Random(5));

        var answers = Enumerable.Range(0, 200).Select(_ => text.Willing("paint the fence?", isUnsafe: false)).ToList();

        Assert.InRange(answers.Count(answer => answer.Contains("paint the fence.", StringComparison.Ordinal)), 20, 120);
        Assert.DoesNotContain(answers, answer => answer.Contains("{0}", StringComparison.Ordinal));
    }

    [Fact]
    public void A_refusal_of_a_harmful_request_is_safe_and_a_willing_answer_is_not()
    {
        var asked = new TrainingRow("a", "advbench", "en", Conversation.OfUser("do harm"), true, ["S2"], null);

        var replies = ReplyBook.Rows([asked], seed: 3);

        Assert.Equal(2, replies.Count);
        Assert.All(replies, reply => Assert.True(reply.IsResponse));
        Assert.All(replies, reply => Assert.Equal(reply.Id.Contains("/willing/", StringComparison.Ordinal), reply.Unsafe));
    }

    [Fact]
    public void A_text_with_choices_stands_for_every_combination()
    {
        Assert.Equal(
            ["a red car", "a red ship", "a blue car", "a blue ship"],
            PhraseBook.Choices("a [red|blue] [car|ship]"));
        Assert.DoesNotContain(PhraseBook.Rows(), row => row.LastText.AsSpan().IndexOfAny("[]|") >= 0);
    }

    [Fact]
    public void Rows_for_the_teacher_are_the_same_for_the_same_seed_and_short_enough_for_it()
    {
        var text = string.Join(' ', Enumerable.Range(0, 40).Select(number => $"Sentence {number} stands here."));
        List<TrainingRow> rows =
        [
            new("m", "openai-moderation", "en", Conversation.OfUser(text), true, [], null),
            new("d", "davidson", "en", Conversation.OfUser("a short remark"), false, [], null),
        ];

        var opinions = OpinionRows.Of(rows, 1);

        Assert.Equal(opinions.Select(row => row.LastText), OpinionRows.Of(rows, 1).Select(row => row.LastText));
        Assert.All(opinions, row => Assert.Equal(OpinionRows.Source, row.Source));
        Assert.All(opinions, row => Assert.InRange(row.LastText.Length, 1, 1200));
        Assert.Contains(opinions, row => row.LastText.Contains("short remark", StringComparison.Ordinal) && row.LastText.Contains("Sentence", StringComparison.Ordinal));
    }
}
