using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using static GuardSharp.Tests.Prompts.PromptSamples;

namespace GuardSharp.Tests.Prompts;

public sealed class LlamaGuard4PromptTests
{

    public static TheoryData<PromptVariant> Variants => [PromptVariant.HuggingFace, PromptVariant.MetaDocs, PromptVariant.Clean];

    [Theory, MemberData(nameof(Variants))]
    public void A_user_message_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "user", [Ask]);

    [Theory, MemberData(nameof(Variants))]
    public void An_answer_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "agent", [Ask, Refuse]);

    [Theory, MemberData(nameof(Variants))]
    public void AnImage_stands_in_its_users_line_and_drops_S14(PromptVariant variant) => Check(variant, "user-image", [Show]);

    [Theory, MemberData(nameof(Variants))]
    public void An_answer_to_anImage_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "agent-image", [Show, Refuse]);

    [Theory, MemberData(nameof(Variants))]
    public void A_narrowed_policy_keeps_the_original_numbers(PromptVariant variant) =>
        Check(variant, "narrowed", [Ask], Policy.MlCommons.Only("S14", "S12", "S13"));

    [Theory, MemberData(nameof(Variants))]
    public void A_custom_policy_stands_in_numeric_order_with_descriptions_on_demand(PromptVariant variant) =>
        Check(variant, "custom", [Ask], Shop, new PromptOptions { IncludeDescriptions = true });

    [Fact]
    public void SeveralImages_are_counted_over_all_turns_and_every_text_is_a_line()
    {
        Conversation conversation = new(
        [
            new Turn(Role.User, [Image, new TextPart(" Compare these two. "), Image, new TextPart("Look closely.\n")]),
            Refuse,
            new Turn(Role.User, [Image]),
        ]);
        var prompt = PromptBuilder.Build(PromptVariant.HuggingFace, conversation, Policy.MlCommons, new PromptOptions());
        Assert.Equal(PromptText.Approved("HuggingFace-many-images"), PromptText.Of(prompt));
        Assert.Equal(3, prompt.Images.Count);
    }

    [Fact]
    public void Neighbouring_texts_are_one_segment()
    {
        var prompt = Build([Ask, Refuse]);
        Assert.Equal(9, prompt.Segments.Count);
        Assert.DoesNotContain(prompt.Segments.Zip(prompt.Segments.Skip(1)), p => p is (TextSegment, TextSegment));
    }

    [Fact]
    public void The_cacheable_prefix_ends_before_the_first_turn()
    {
        var prompt = Build([Ask]);
        var text = Assert.IsType<TextSegment>(prompt.Segments[prompt.PrefixSegments]).Text;
        Assert.EndsWith("<BEGIN CONVERSATION>\n", text[..prompt.PrefixCharacters], StringComparison.Ordinal);
        Assert.StartsWith("User: how do", text[prompt.PrefixCharacters..], StringComparison.Ordinal);
    }

    [Fact]
    public void The_task_is_that_of_the_last_turn()
    {
        Assert.Equal(VerdictTask.PromptClassification, Build([Ask]).Task);
        Assert.Equal(VerdictTask.ResponseClassification, Build([Ask, Refuse]).Task);
        Assert.Equal(VerdictTask.PromptClassification, Build([Ask, Refuse, Ask]).Task);
    }

    [Fact]
    public void A_chosen_list_keeps_S14_beside_anImage()
    {
        var prompt = PromptBuilder.Build(
            PromptVariant.HuggingFace, new([Show]), Policy.MlCommons.Only("S1", "S14"), new PromptOptions());
        Assert.Contains("S14: Code Interpreter Abuse.", PromptText.Of(prompt), StringComparison.Ordinal);
    }

    private static RenderedPrompt Build(Turn[] turns) =>
        PromptBuilder.Build(PromptVariant.HuggingFace, new(turns), Policy.MlCommons, new PromptOptions());
}
