using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Prompts;

/// <summary>Renders conversations for one variant of the prompt.</summary>
/// <remarks>Safe from any thread. Source of the formats: docs/prompts.md.</remarks>
internal static class PromptBuilder
{
    /// <summary>Renders the prompt that asks for a verdict on the last turn.</summary>
    /// <param name="variant">The wording.</param>
    /// <param name="conversation">The conversation; its last turn is judged.</param>
    /// <param name="policy">What is looked for.</param>
    /// <param name="options">How the conversation becomes a prompt.</param>
    /// <param name="maxImages">Images the model takes; more are left out, oldest first, if <see cref="PromptOptions.ImageLimit"/> says so.</param>
    /// <exception cref="InvalidConversationException">The conversation is empty, does not alternate, or holds an empty turn.</exception>
    public static RenderedPrompt Build(PromptVariant variant, Conversation conversation, Policy policy, PromptOptions options, int? maxImages = null)
    {
        var turns = TurnReader.Read(conversation, options);
        if (options.ImageLimit == ImageLimit.LastOnly && maxImages is > 0 and var most)
            turns = turns.WithLastImages(most);
        if (variant == PromptVariant.Compact)
            return CompactTemplate.Render(turns, turns.Images.Count > 0 ? policy.ForImages() : policy);
        var wording = LlamaGuardWording.Of(variant);
        var effective = turns.Images.Count > 0 ? policy.ForImages() : wording.KnowsCodeInterpreter ? policy : policy.WithoutCodeInterpreter();
        return LlamaGuardTemplate.Render(wording, turns.Neutralise(options.StructuralText), effective, options.IncludeDescriptions);
    }

    /// <summary>The special token that ends an answer in a variant.</summary>
    public static string EndTagOf(PromptVariant variant) => variant == PromptVariant.Compact ? CompactTemplate.End : LlamaGuardWording.Of(variant).EndTag;

    /// <summary>What the model of a variant writes before its verdict.</summary>
    public static string AnswerPrefixOf(PromptVariant variant) =>
        variant == PromptVariant.Compact ? CompactTemplate.AnswerPrefix : LlamaGuardTemplate.AnswerPrefix;

    /// <summary>The codes that the published models of a variant were trained on.</summary>
    public static IReadOnlyList<string> CodesOf(PromptVariant variant) =>
    [
        .. (variant == PromptVariant.Compact || LlamaGuardWording.Of(variant).KnowsCodeInterpreter ? Policy.MlCommons : Policy.MlCommons.WithoutCodeInterpreter())
            .Categories.Select(category => category.Code),
    ];
}
