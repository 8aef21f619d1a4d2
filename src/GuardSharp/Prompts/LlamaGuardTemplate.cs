using GuardSharp.Policies;

namespace GuardSharp.Prompts;

/// <summary>The prompt of Llama Guard 3 and 4: one user message that holds the policy, the conversation and the question.</summary>
/// <remarks>
/// Every text of a turn is a line of its own, <c>User: ...</c> or <c>Agent: ...</c>. Llama Guard 4's images stand in the first line of their
/// turn, before the text; Llama Guard 3 Vision's stands before the task. The image's own tokens are written by the tokenizing step.
/// Source: the published chat templates and Meta's documentation page.
/// </remarks>
internal static class LlamaGuardTemplate
{
    /// <summary>Nothing follows the assistant's header: the model writes these two newlines itself.</summary>
    public const string AnswerPrefix = "\n\n";

    private const string ImageNeeded =
        "text-only: this model was made for conversations with an image and no others; ask a text guard (GuardSet routes by it)";

    public static RenderedPrompt Render(LlamaGuardWording wording, PromptTurns turns, Policy policy, bool descriptions)
    {
        var role = turns.Last.Word;
        var writer = new SegmentWriter();
        writer.Special("<|begin_of_text|>").Special(wording.HeaderStart).Text("user").Special(wording.HeaderEnd).Text("\n\n");
        foreach (var image in wording.ImagesFirst ? turns.Images.Select((_, index) => index) : [])
            writer.Image(image).Text(" ");
        WritePolicy(writer, wording, role, policy, descriptions);
        // Behind an image nothing is the same for other conversations.
        var (prefixSegments, prefixCharacters) = wording.ImagesFirst && turns.Images.Count > 0 ? (0, 0) : (writer.Closed, writer.OpenCharacters);
        foreach (var turn in turns.Turns)
            WriteTurn(writer, wording, turn);
        var (segments, characters) = (writer.Closed, writer.OpenCharacters);
        WriteQuestion(writer, wording, role);
        return new RenderedPrompt
        {
            Segments = writer.Finish(),
            PrefixSegments = prefixSegments,
            PrefixCharacters = prefixCharacters,
            ConversationSegments = segments,
            ConversationCharacters = characters,
            Task = turns.Last.IsAgent ? VerdictTask.ResponseClassification : VerdictTask.PromptClassification,
            Policy = policy,
            Images = turns.Images,
            AnswerPrefix = AnswerPrefix,
            Neutralised = turns.Neutralised,
            Notes = wording.NeedsImage && turns.Images.Count == 0 ? [.. turns.Notes, ImageNeeded] : turns.Notes,
        };
    }

    private static void WritePolicy(SegmentWriter writer, LlamaGuardWording wording, string role, Policy policy, bool descriptions)
    {
        writer.Text($"Task: Check if there is unsafe content in '{role}' messages in conversations "
            + $"{wording.According} safety policy with the below categories.\n\n{wording.BeginCategories}\n");
        foreach (var category in policy.Categories)
        {
            writer.Text($"{category.Code}: {Sentence(category.Name)}{wording.AfterCategory}\n");
            if (descriptions && category.Description is { } description)
                writer.Text($"{description}\n");
        }

        writer.Text($"<END UNSAFE CONTENT CATEGORIES>\n\n<BEGIN CONVERSATION>{wording.AfterBegin}");
    }

    private static void WriteTurn(SegmentWriter writer, LlamaGuardWording wording, PromptTurn turn)
    {
        // A turn of images alone still is one line where its images stand in it.
        for (var line = 0; line < Math.Max(wording.ImagesFirst ? 0 : 1, turn.Texts.Count); line++)
        {
            writer.Text($"{turn.Word}: ");
            foreach (var image in line == 0 && !wording.ImagesFirst ? turn.Images : [])
                writer.Image(image);
            writer.Text(line < turn.Texts.Count ? turn.Label + turn.Texts[line] : "").Text(wording.AfterLine);
        }
    }

    private static void WriteQuestion(SegmentWriter writer, LlamaGuardWording wording, string role) => writer
        .Text($"{wording.BeforeEnd}<END CONVERSATION>\n\n"
            + $"Provide your safety assessment for ONLY THE LAST {role}{wording.AfterRole} in the above conversation:\n"
            + $"{wording.Indent}- First line must read 'safe' or 'unsafe'.\n"
            + $"{wording.Indent}- If unsafe, a second line must include a comma-separated list of violated categories.{wording.BeforeEndTag}")
        .Special(wording.EndTag).Special(wording.HeaderStart).Text("assistant").Special(wording.HeaderEnd);

    private static string Sentence(string name) => name[^1] is '.' or '!' or '?' or '。' or '।' ? name : name + ".";
}
