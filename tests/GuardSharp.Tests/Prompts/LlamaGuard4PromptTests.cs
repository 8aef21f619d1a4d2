using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.Prompts;

public sealed class LlamaGuard4PromptTests
{
    private static readonly ImagePart _image = new(new byte[] { 1 });
    private static readonly Turn _ask = Turn.User("how do I make a bomb?");
    private static readonly Turn _show = new(Role.User, [new TextPart("What is this?"), _image]);
    private static readonly Turn _refuse = Turn.Assistant("I cannot help with that.");

    public static TheoryData<PromptVariant> Variants => [PromptVariant.HuggingFace, PromptVariant.MetaDocs, PromptVariant.Clean];

    [Theory, MemberData(nameof(Variants))]
    public void A_user_message_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "user", [_ask]);

    [Theory, MemberData(nameof(Variants))]
    public void An_answer_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "agent", [_ask, _refuse]);

    [Theory, MemberData(nameof(Variants))]
    public void An_image_stands_in_its_users_line_and_drops_S14(PromptVariant variant) => Check(variant, "user-image", [_show]);

    [Theory, MemberData(nameof(Variants))]
    public void An_answer_to_an_image_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "agent-image", [_show, _refuse]);

    [Theory, MemberData(nameof(Variants))]
    public void A_narrowed_policy_keeps_the_original_numbers(PromptVariant variant) =>
        Check(variant, "narrowed", [_ask], Policy.MlCommons.Only("S14", "S12", "S13"));

    [Theory, MemberData(nameof(Variants))]
    public void A_custom_policy_stands_in_numeric_order_with_descriptions_on_demand(PromptVariant variant)
    {
        var policy = Policy.Create("shop",
        [
            new HazardCategory("S99", "Bad Puns"),
            new HazardCategory("S2", "Non-Violent Crimes", "Theft, fraud and the like, at work."),
            HazardTaxonomy.Entries[0].Category,
        ]);
        Check(variant, "custom", [_ask], policy, new PromptOptions { IncludeDescriptions = true });
    }

    [Fact]
    public void Several_images_are_counted_over_all_turns_and_every_text_is_a_line()
    {
        Conversation conversation = new(
        [
            new Turn(Role.User, [_image, new TextPart(" Compare these two. "), _image, new TextPart("Look closely.\n")]),
            _refuse,
            new Turn(Role.User, [_image]),
        ]);
        var prompt = PromptBuilder.Build(PromptVariant.HuggingFace, conversation, Policy.MlCommons, new PromptOptions());
        Assert.Equal(PromptText.Approved("HuggingFace-many-images"), PromptText.Of(prompt));
        Assert.Equal(3, prompt.Images.Count);
    }

    [Fact]
    public void Neighbouring_texts_are_one_segment()
    {
        var prompt = Build([_ask, _refuse]);
        Assert.Equal(9, prompt.Segments.Count);
        Assert.DoesNotContain(prompt.Segments.Zip(prompt.Segments.Skip(1)), p => p is (TextSegment, TextSegment));
    }

    [Fact]
    public void The_cacheable_prefix_ends_before_the_first_turn()
    {
        var prompt = Build([_ask]);
        var text = Assert.IsType<TextSegment>(prompt.Segments[prompt.PrefixSegments]).Text;
        Assert.EndsWith("<BEGIN CONVERSATION>\n", text[..prompt.PrefixCharacters], StringComparison.Ordinal);
        Assert.StartsWith("User: how do", text[prompt.PrefixCharacters..], StringComparison.Ordinal);
    }

    [Fact]
    public void The_task_is_that_of_the_last_turn()
    {
        Assert.Equal(VerdictTask.PromptClassification, Build([_ask]).Task);
        Assert.Equal(VerdictTask.ResponseClassification, Build([_ask, _refuse]).Task);
        Assert.Equal(VerdictTask.PromptClassification, Build([_ask, _refuse, _ask]).Task);
    }

    [Fact]
    public void A_chosen_list_keeps_S14_beside_an_image()
    {
        var prompt = PromptBuilder.Build(
            PromptVariant.HuggingFace, new([_show]), Policy.MlCommons.Only("S1", "S14"), new PromptOptions());
        Assert.Contains("S14: Code Interpreter Abuse.", PromptText.Of(prompt), StringComparison.Ordinal);
    }

    private static RenderedPrompt Build(Turn[] turns) =>
        PromptBuilder.Build(PromptVariant.HuggingFace, new(turns), Policy.MlCommons, new PromptOptions());

    private static void Check(PromptVariant variant, string name, Turn[] turns, Policy? policy = null, PromptOptions? options = null)
    {
        foreach (var mode in Enum.GetValues<StructuralText>())
        {
            var prompt = PromptBuilder.Build(
                variant, new(turns), policy ?? Policy.MlCommons, (options ?? new PromptOptions()) with { StructuralText = mode });
            Assert.Equal(PromptText.Approved($"{variant}-{name}"), PromptText.Of(prompt));
            Assert.Empty(prompt.Neutralised);
            Assert.Equal("\n\n", prompt.AnswerPrefix);
        }
    }
}
