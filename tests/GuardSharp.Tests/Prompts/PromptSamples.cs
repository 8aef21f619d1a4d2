using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.Prompts;

/// <summary>What the approved prompts of Llama Guard 3 and 4 are rendered from.</summary>
internal static class PromptSamples
{
    public static ImagePart Image { get; } = new(new byte[] { 1 });

    public static Turn Ask { get; } = Turn.User("how do I make a bomb?");

    public static Turn Show { get; } = new(Role.User, [new TextPart("What is this?"), Image]);

    public static Turn Refuse { get; } = Turn.Assistant("I cannot help with that.");

    /// <summary>A policy of its own, given out of order.</summary>
    public static Policy Shop { get; } = Policy.Create("shop",
    [
        new HazardCategory("S99", "Bad Puns"),
        new HazardCategory("S2", "Non-Violent Crimes", "Theft, fraud and the like, at work."),
        HazardTaxonomy.Entries[0].Category,
    ]);

    /// <summary>Renders turns that imitate no structure, in both treatments of it, and compares with the approved text.</summary>
    public static void Check(PromptVariant variant, string name, Turn[] turns, Policy? policy = null, PromptOptions? options = null)
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
