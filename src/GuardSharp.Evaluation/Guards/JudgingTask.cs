using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Evaluation.Guards;

/// <summary>A conversation as an instruct model is asked about it: the task, the policy with descriptions, the conversation, the question.</summary>
internal static class JudgingTask
{
    private static readonly PromptOptions _prompt = new() { IncludeDescriptions = true };

    /// <summary>The message that asks, its pictures beside it, and the policy as it stands in it.</summary>
    /// <exception cref="InvalidConversationException">The conversation cannot be judged.</exception>
    public static (ChatMessage Message, Policy Policy) Of(Conversation conversation, Policy policy)
    {
        var prompt = PromptBuilder.Build(PromptVariant.Clean, conversation, policy, _prompt);
        var end = PromptBuilder.EndTagOf(PromptVariant.Clean);
        // What stands between the marks of a guard's template. Before the task stands the name of the role.
        var text = string.Concat(prompt.Segments.TakeWhile(segment => (segment as SpecialSegment)?.Name != end).OfType<TextSegment>().Select(segment => segment.Text));
        return (new ChatMessage("user", text[Math.Max(text.IndexOf("Task:", StringComparison.Ordinal), 0)..].Trim(), prompt.Images), prompt.Policy);
    }
}
