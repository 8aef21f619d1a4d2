using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Prompts;

/// <summary>A conversation and a policy as a model reads them.</summary>
internal sealed record RenderedPrompt
{
    /// <summary>The prompt. No two neighbours are both text.</summary>
    public required IReadOnlyList<PromptSegment> Segments { get; init; }

    /// <summary>How many leading segments depend on the task and the policy alone.</summary>
    public required int PrefixSegments { get; init; }

    /// <summary>How many characters of the text segment after them do so as well; 0 where the prefix ends at a segment's end.</summary>
    /// <remarks>Byte pairs may form across this place: cache the tokens that both encodings have in common.</remarks>
    public required int PrefixCharacters { get; init; }

    /// <summary>How many leading segments the conversation's next turn would begin with as well: all before the question about it.</summary>
    public required int ConversationSegments { get; init; }

    /// <summary>How many characters of the text segment after them belong to the conversation too; 0 where it ends at a segment's end.</summary>
    public required int ConversationCharacters { get; init; }

    /// <summary>What is judged.</summary>
    public required VerdictTask Task { get; init; }

    /// <summary>The policy in the prompt: the one asked for, without the hazards for text alone where there is an image.</summary>
    public required Policy Policy { get; init; }

    /// <summary>The images in the order of <see cref="ImageSegment.Index"/>.</summary>
    public required IReadOnlyList<ImagePart> Images { get; init; }

    /// <summary>What the model writes before its verdict: two newlines, or nothing.</summary>
    public required string AnswerPrefix { get; init; }

    /// <summary>Turns in which text that looked like structure was rewritten, oldest first.</summary>
    public required IReadOnlyList<NeutralisedTurn> Neutralised { get; init; }

    /// <summary>What else the verdict must say, such as images that were left out; holds no user text.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Everything the verdict must say about the prompt.</summary>
    public IEnumerable<string> Warnings => Neutralised.Select(turn => turn.Warning).Concat(Notes);
}

/// <summary>A turn in which text that looked like structure was rewritten.</summary>
/// <param name="Turn">Its place in the conversation, from 1.</param>
/// <param name="Places">How many rewrites there were.</param>
internal sealed record NeutralisedTurn(int Turn, int Places)
{
    /// <summary>The warning of the verdict; holds no user text.</summary>
    public string Warning => $"neutralised-text: turn {Turn} held text that imitates the prompt's structure ({Places} "
        + (Places == 1 ? "place" : "places") + "); it was marked as quoted";
}
