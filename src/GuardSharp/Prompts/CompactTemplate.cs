using GuardSharp.Policies;

namespace GuardSharp.Prompts;

/// <summary>The prompt of GuardSharp's own models: task and codes first, then turns between special tokens, a tail of one token.</summary>
/// <remarks>
/// <c>[begin_of_text]User S1-S14\n[user]message[agent]answer[eot]</c>; the verdict follows at once. A message cannot forge a turn, for only
/// the builder makes special tokens, so text needs no rewriting here. The part before the first turn is the same for every conversation
/// of a task and policy.
/// </remarks>
internal static class CompactTemplate
{
    /// <summary>Nothing stands between the prompt and the verdict.</summary>
    public const string AnswerPrefix = "";

    public const string Begin = "<|begin_of_text|>";
    public const string User = "<|user|>";
    public const string Agent = "<|agent|>";
    public const string End = "<|eot|>";

    public static RenderedPrompt Render(PromptTurns turns, Policy policy)
    {
        var writer = new SegmentWriter();
        writer.Special(Begin).Text($"{turns.Last.Word} {CodeRanges.Format(policy.Categories)}\n");
        foreach (var turn in turns.Turns)
        {
            writer.Special(turn.IsAgent ? Agent : User);
            foreach (var image in turn.Images)
                writer.Image(image);
            writer.Text(string.Join('\n', turn.Texts.Select(t => turn.Label + t)));
        }

        writer.Special(End);
        return new RenderedPrompt
        {
            Segments = writer.Finish(),
            PrefixSegments = 2,
            PrefixCharacters = 0,
            ConversationSegments = writer.Closed - 1,
            ConversationCharacters = 0,
            Task = turns.Last.IsAgent ? VerdictTask.ResponseClassification : VerdictTask.PromptClassification,
            Policy = policy,
            Images = turns.Images,
            AnswerPrefix = AnswerPrefix,
            Neutralised = turns.Neutralised,
            Notes = turns.Notes,
        };
    }
}
