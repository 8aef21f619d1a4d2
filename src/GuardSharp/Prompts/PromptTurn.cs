using GuardSharp.Conversations;

namespace GuardSharp.Prompts;

/// <summary>A turn that enters the prompt.</summary>
/// <param name="Number">Its place in the conversation, from 1.</param>
/// <param name="Role">Who speaks.</param>
/// <param name="Texts">Its texts, trimmed, none empty; each becomes a line of its own.</param>
/// <param name="Images">Indices of its images.</param>
internal sealed record PromptTurn(int Number, Role Role, IReadOnlyList<string> Texts, IReadOnlyList<int> Images)
{
    /// <summary>Whether the assistant speaks; everyone else is on the user's side.</summary>
    public bool IsAgent => Role == Role.Assistant;

    /// <summary>What stands before its texts in the prompt: the name of evidence that the user did not write.</summary>
    public string Label => Role switch
    {
        Role.Tool => "Tool result: ",
        Role.System => "System instructions: ",
        _ => "",
    };

    /// <summary>The word of the prompt for its side.</summary>
    public string Word => IsAgent ? "Agent" : "User";
}

/// <summary>The turns of a prompt and all their images.</summary>
internal sealed record PromptTurns(
    IReadOnlyList<PromptTurn> Turns, IReadOnlyList<ImagePart> Images, IReadOnlyList<NeutralisedTurn> Neutralised)
{
    /// <summary>What the verdict must say about what was left out; holds no user text.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The turn that is judged.</summary>
    public PromptTurn Last => Turns[^1];

    /// <summary>The same turns with their last images only, renumbered.</summary>
    /// <param name="count">Images to keep, at least 1.</param>
    public PromptTurns WithLastImages(int count)
    {
        var left = Images.Count - count;
        return left <= 0 ? this : this with
        {
            Turns = [.. Turns.Select(turn => turn with { Images = [.. turn.Images.Where(image => image >= left).Select(image => image - left)] })],
            Images = [.. Images.Skip(left)],
            Notes = [.. Notes, $"images-left-out: {left} of {Images.Count} images, the oldest, were not judged: the model takes {count} (ImageLimit is LastOnly)"],
        };
    }

    /// <summary>The same turns without text that could forge another one.</summary>
    public PromptTurns Neutralise(StructuralText mode)
    {
        if (mode == StructuralText.Verbatim)
            return this;
        var reports = new List<NeutralisedTurn>();
        var turns = new List<PromptTurn>(Turns.Count);
        foreach (var turn in Turns)
        {
            var places = 0;
            string[] texts = [.. turn.Texts.Select(t => StructuralRewriter.Rewrite(t, ref places))];
            if (places > 0)
                reports.Add(new NeutralisedTurn(turn.Number, places));
            turns.Add(places > 0 ? turn with { Texts = texts } : turn);
        }

        return this with { Turns = turns, Neutralised = reports };
    }
}
