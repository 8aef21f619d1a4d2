using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>The last message without its last word, without its last two, and so on: whatever words an attack appended, one view is without them.</summary>
/// <remarks>
/// Erase-and-check: A. Kumar and others, arXiv:2309.02705. What is flagged stays flagged whatever at most so many words, separated by a blank, are
/// put behind it. Costs a verdict a word; where a conversation's beginning is kept, only the end of each is computed.
/// </remarks>
internal sealed class EraseDefence(int words) : IDefence
{
    public const string Key = "erase";

    // Less says nothing: "how do I" could go on in any way.
    private const int LeastLeft = 3;

    public string Name { get; } = $"{Key}:{words}";

    public IReadOnlyList<Conversation> Views(Conversation conversation)
    {
        var text = LastMessage.TextOf(conversation);
        var ends = Ends(text);
        return [.. ends.Take(Math.Max(0, ends.Count - 1)).Skip(LeastLeft - 1).Reverse().Take(words).Select(end => LastMessage.With(conversation, text[..end]))];
    }

    // Where each word ends.
    private static List<int> Ends(string text)
    {
        var ends = new List<int>();
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsWhiteSpace(text[i]) && (i + 1 == text.Length || char.IsWhiteSpace(text[i + 1])))
            {
                ends.Add(i + 1);
            }
        }

        return ends;
    }
}
