using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Prompts;

/// <summary>Renders conversations for one variant of the prompt.</summary>
/// <remarks>Safe from any thread. Source of the formats: docs/prompts.md.</remarks>
internal static class PromptBuilder
{
    /// <summary>Renders the prompt that asks for a verdict on the last turn.</summary>
    /// <exception cref="InvalidConversationException">The conversation is empty, does not alternate, or holds an empty turn.</exception>
    public static RenderedPrompt Build(PromptVariant variant, Conversation conversation, Policy policy, PromptOptions options)
    {
        var turns = TurnReader.Read(conversation, options);
        var rendered = variant == PromptVariant.Compact ? turns : turns.Neutralise(options.StructuralText);
        var effective = turns.Images.Count > 0 ? policy.ForImages() : policy;
        return variant == PromptVariant.Compact
            ? CompactTemplate.Render(rendered, effective)
            : LlamaGuard4Template.Render(LlamaGuard4Wording.Of(variant), rendered, effective, options.IncludeDescriptions);
    }

    /// <summary>The special token that ends an answer in a variant.</summary>
    public static string EndTagOf(PromptVariant variant) => variant == PromptVariant.Compact ? CompactTemplate.End : LlamaGuard4Template.EndTag;

    /// <summary>What the model of a variant writes before its verdict.</summary>
    public static string AnswerPrefixOf(PromptVariant variant) =>
        variant == PromptVariant.Compact ? CompactTemplate.AnswerPrefix : LlamaGuard4Template.AnswerPrefix;
}
