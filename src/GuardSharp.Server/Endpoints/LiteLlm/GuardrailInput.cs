using System.Security.Cryptography;
using GuardSharp.Conversations;

namespace GuardSharp.Server.Endpoints.LiteLlm;

/// <summary>What LiteLLM asks about.</summary>
/// <param name="Response">Whether it is what a model answered.</param>
/// <param name="Texts">Texts, none blank, each once.</param>
/// <param name="Images">Pictures.</param>
/// <param name="Calls">Calls of tools.</param>
/// <param name="Messages">The request's conversation, where it came along.</param>
internal sealed record GuardrailInput(
    bool Response, IReadOnlyList<string> Texts, IReadOnlyList<ImagePart> Images, IReadOnlyList<ContentPart> Calls, IReadOnlyList<Turn> Messages)
{
    /// <summary>The conversation as one, and what it does not hold.</summary>
    public (IReadOnlyList<Conversation> Whole, GuardrailInput Left) InContext()
    {
        if (Response)
        {
            // Each text is another answer to the same conversation; calls belong to the first.
            var calls = Calls.Count > 0 ? new[] { Answer(Calls) } : [];
            return ([.. Texts.Select(text => Answer([new TextPart(text)])), .. calls], this with { Texts = [], Calls = [] });
        }

        // System messages are no part of a prompt: a text that only they hold is judged alone.
        var parts = Spoken().ToArray();
        var held = parts.OfType<TextPart>().Select(part => part.Text).ToHashSet();
        var pictures = parts.OfType<ImagePart>().Select(Hash).ToHashSet();
        var rest = Images.Where(image => !pictures.Contains(Hash(image)));
        return ([new Conversation(Messages)], this with { Texts = [.. Texts.Where(text => !held.Contains(text))], Images = [.. rest] });
    }

    /// <summary>Every text, and the pictures, each as a conversation of its own.</summary>
    /// <param name="question">What stands before an answer whose question is not known.</param>
    /// <param name="pictures">Pictures of one conversation.</param>
    public IReadOnlyList<Conversation> Alone(Turn question, int pictures)
    {
        var conversations = Texts.Select(text => One([new TextPart(text)], question)).ToList();
        // A picture means what the text beside it says: the last text goes along.
        ContentPart[] caption = Texts.Count > 0 ? [new TextPart(Texts[^1])] : [];
        conversations.AddRange(Images.Chunk(pictures).Select(images => new Conversation([new Turn(Role.User, [.. caption, .. images])])));
        if (Calls.Count > 0)
            conversations.Add(new Conversation([question, new Turn(Role.Assistant, Calls)]));
        return conversations;
    }

    /// <summary>The input without its conversation: what only that holds stands beside the rest, to be judged alone.</summary>
    public GuardrailInput WithoutContext()
    {
        // What came before a response is not what is asked about.
        if (Response)
            return this with { Messages = [] };
        var parts = Spoken().ToArray();
        var known = Images.Select(Hash).ToHashSet();
        var texts = parts.OfType<TextPart>().Select(part => part.Text).Where(text => !string.IsNullOrWhiteSpace(text));
        return this with
        {
            Texts = [.. Texts.Concat(texts).Distinct()],
            Images = [.. Images, .. parts.OfType<ImagePart>().Where(image => known.Add(Hash(image)))],
            Calls = [.. Calls, .. parts.OfType<ToolCallPart>()],
            Messages = [],
        };
    }

    private IEnumerable<ContentPart> Spoken() => Messages.Where(turn => turn.Role != Role.System).SelectMany(turn => turn.Parts);

    private static string Hash(ImagePart image) => Convert.ToHexString(SHA256.HashData(image.Data.Span));

    private Conversation Answer(IReadOnlyList<ContentPart> parts) => new([.. Messages, new Turn(Role.Assistant, parts)]);

    private Conversation One(IReadOnlyList<ContentPart> parts, Turn question) =>
        Response ? new Conversation([question, new Turn(Role.Assistant, parts)]) : new Conversation([new Turn(Role.User, parts)]);
}
