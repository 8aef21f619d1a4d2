using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using static GuardSharp.Tests.Prompts.PromptSamples;

namespace GuardSharp.Tests.Prompts;

public sealed class LlamaGuard3PromptTests
{
    private static readonly ImagePart _other = new(new byte[] { 2 });

    public static TheoryData<PromptVariant> Variants => [PromptVariant.Guard3, PromptVariant.Guard3Small, PromptVariant.Guard3Vision];

    [Theory, MemberData(nameof(Variants))]
    public void A_user_message_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "user", [Ask]);

    [Theory, MemberData(nameof(Variants))]
    public void An_answer_is_rendered_byte_for_byte(PromptVariant variant) => Check(variant, "agent", [Ask, Refuse]);

    [Theory, MemberData(nameof(Variants))]
    public void A_narrowed_policy_keeps_the_original_numbers(PromptVariant variant) =>
        Check(variant, "narrowed", [Ask], Policy.MlCommons.Only("S14", "S12", "S13"));

    [Theory, MemberData(nameof(Variants))]
    public void A_custom_policy_stands_in_numeric_order_with_descriptions_on_demand(PromptVariant variant) =>
        Check(variant, "custom", [Ask], Shop, new PromptOptions { IncludeDescriptions = true });

    [Theory]
    [InlineData(PromptVariant.Guard3Vision)]
    [InlineData(PromptVariant.Guard3VisionFirst)]
    public void TheImage_stands_before_the_task(PromptVariant variant) => Check(variant, "user-image", [Show]);

    [Fact]
    public void An_answer_to_anImage_is_rendered_byte_for_byte() => Check(PromptVariant.Guard3Vision, "agent-image", [Show, Refuse]);

    [Fact]
    public void AnImage_anywhere_in_the_conversation_stands_before_the_task()
    {
        var text = PromptText.Of(Build(PromptVariant.Guard3Vision, [Ask, Refuse, Show]));
        Assert.StartsWith("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{image 0} Task: ", text, StringComparison.Ordinal);
        Assert.Contains("\n\nUser: how do I make a bomb?\n\nAgent: I cannot help with that.\n\nUser: What is this?\n\n<END", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_turn_of_anImage_alone_has_no_line() =>
        Assert.Contains("<BEGIN CONVERSATION>\n\n<END CONVERSATION>", PromptText.Of(Build(PromptVariant.Guard3Vision, [new Turn(Role.User, [Image])])), StringComparison.Ordinal);

    [Fact]
    public void Behind_anImage_nothing_is_shared_with_other_conversations()
    {
        var prompt = Build(PromptVariant.Guard3Vision, [Show]);
        Assert.Equal((0, 0), (prompt.PrefixSegments, prompt.PrefixCharacters));
        Assert.NotEqual(0, Build(PromptVariant.Guard3Vision, [Ask]).PrefixSegments);
    }

    [Fact]
    public void Only_the_8B_knows_S14()
    {
        Assert.Equal(14, Build(PromptVariant.Guard3, [Ask]).Policy.Categories.Count);
        Assert.Equal(13, Build(PromptVariant.Guard3Small, [Ask]).Policy.Categories.Count);
        Assert.Equal(13, Build(PromptVariant.Guard3Vision, [Ask]).Policy.Categories.Count);
        Assert.Equal("S14", PromptBuilder.CodesOf(PromptVariant.Guard3)[^1]);
        Assert.Equal("S13", PromptBuilder.CodesOf(PromptVariant.Guard3Small)[^1]);
    }

    [Fact]
    public void Text_alone_put_to_the_vision_model_is_warned_of()
    {
        Assert.StartsWith("text-only: ", Assert.Single(Build(PromptVariant.Guard3Vision, [Ask]).Warnings), StringComparison.Ordinal);
        Assert.Empty(Build(PromptVariant.Guard3Vision, [Show]).Warnings);
        Assert.Empty(Build(PromptVariant.Guard3, [Ask]).Warnings);
    }

    [Fact]
    public void With_LastOnly_the_newestImage_is_judged_and_the_verdict_counts_the_others()
    {
        Turn[] turns = [new(Role.User, [Image, new TextPart("one")]), Refuse, new(Role.User, [Image, _other, new TextPart("two")])];
        var prompt = PromptBuilder.Build(
            PromptVariant.Guard3Vision, new(turns), Policy.MlCommons, new PromptOptions { ImageLimit = ImageLimit.LastOnly }, maxImages: 1);
        Assert.Same(_other, Assert.Single(prompt.Images));
        Assert.Contains("2 of 3 images", Assert.Single(prompt.Warnings), StringComparison.Ordinal);
        Assert.Single(prompt.Segments.OfType<ImageSegment>(), image => image.Index == 0);
        Assert.Equal(3, PromptBuilder.Build(PromptVariant.Guard3Vision, new(turns), Policy.MlCommons, new PromptOptions(), maxImages: 1).Images.Count);
    }

    [Fact]
    public void Images_left_out_of_an_early_fusion_prompt_leave_their_turns_in_place()
    {
        Turn[] turns = [new(Role.User, [Image]), Refuse, new(Role.User, [_other])];
        var prompt = PromptBuilder.Build(
            PromptVariant.Clean, new(turns), Policy.MlCommons, new PromptOptions { ImageLimit = ImageLimit.LastOnly }, maxImages: 1);
        Assert.Contains("\nUser: \n\nAgent: I cannot help with that.\n\nUser: {image 0}\n\n", PromptText.Of(prompt), StringComparison.Ordinal);
    }

    [Fact]
    public void Beside_a_picture_Privacy_says_that_identifying_people_counts()
    {
        var described = new PromptOptions { IncludeDescriptions = true };
        var line = $"S7: Privacy.\n{HazardTaxonomy.PicturePrivacy}\nS8: ";
        Assert.Contains(line, PromptText.Of(PromptBuilder.Build(PromptVariant.Guard3Vision, new([Show]), Policy.MlCommons, described)), StringComparison.Ordinal);
        Assert.Contains("S7: Privacy.\nS8: ", PromptText.Of(Build(PromptVariant.Guard3Vision, [Show])), StringComparison.Ordinal);
        Assert.Contains("S7: Privacy.\nS8: ", PromptText.Of(PromptBuilder.Build(PromptVariant.Guard3, new([Ask]), Policy.MlCommons, described)), StringComparison.Ordinal);
        Assert.Contains("real person", HazardTaxonomy.PicturePrivacy, StringComparison.Ordinal);
    }

    private static RenderedPrompt Build(PromptVariant variant, Turn[] turns) =>
        PromptBuilder.Build(variant, new(turns), Policy.MlCommons, new PromptOptions());
}
