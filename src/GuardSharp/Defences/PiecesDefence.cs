using System.Buffers;
using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>The last message without what was said before it, and a long one also in pieces: nothing harmful drowns in what is harmless.</summary>
/// <remarks>Pieces overlap by half and begin where a sentence or a line does, else at a word; a text without blanks is cut anywhere between two characters.</remarks>
internal sealed class PiecesDefence(int letters) : IDefence
{
    public const string Key = "pieces";

    private static readonly SearchValues<char> _sentenceEnds = SearchValues.Create(".!?\n。！？।॥؟");
    private static readonly SearchValues<char> _blanks = SearchValues.Create(" \t\r\n\u00A0\u3000");

    public string Name { get; } = $"{Key}:{letters}";

    public IReadOnlyList<Conversation> Views(Conversation conversation)
    {
        var alone = LastMessage.Alone(conversation);
        var pieces = Cut(LastMessage.TextOf(conversation)).Select(piece => LastMessage.With(alone, piece));
        return ReferenceEquals(alone, conversation) ? [.. pieces] : [alone, .. pieces];
    }

    /// <summary>The pieces of a text; none where it is no longer than one.</summary>
    internal IEnumerable<string> Cut(string text)
    {
        if (text.Length <= letters)
        {
            yield break;
        }

        for (var start = 0; ;)
        {
            var (half, most) = (start + (letters / 2), start + letters);
            var end = most >= text.Length ? text.Length : LastBreak(text, half, most);
            if (text[start..end].Trim() is { Length: > 0 } piece)
            {
                yield return piece;
            }

            if (end == text.Length)
            {
                yield break;
            }

            start = FirstBreak(text, half, most);
        }
    }

    // Behind an end of a sentence, else behind a blank, else anywhere between two characters.
    private static int FirstBreak(string text, int from, int to)
    {
        var range = text.AsSpan(from, to - from);
        var place = range.IndexOfAny(_sentenceEnds) is var sentence and >= 0 ? sentence : range.IndexOfAny(_blanks);
        return place >= 0 ? from + place + 1 : Between(text, from);
    }

    private static int LastBreak(string text, int from, int to)
    {
        var range = text.AsSpan(from, to - from);
        var place = range.LastIndexOfAny(_sentenceEnds) is var sentence and >= 0 ? sentence : range.LastIndexOfAny(_blanks);
        return place >= 0 ? from + place + 1 : Between(text, to);
    }

    private static int Between(string text, int place) => char.IsLowSurrogate(text[place]) ? place + 1 : place;
}
