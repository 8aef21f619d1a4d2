using GuardSharp.Conversations;

namespace GuardSharp.Extensions.AI.Judging;

/// <summary>The turns of a conversation while it is put together: neighbours of one role are joined, blanks are left out.</summary>
/// <remarks>
/// A guard's conversation starts with the user and alternates; chats do neither. System texts stand first, wherever they were. Where the
/// assistant or a tool speaks first, a turn of the user says so: leaving the assistant's words out would hide context from the guard.
/// </remarks>
internal sealed class TurnList
{
    private const string NobodyAsked = "(The assistant speaks first.)";
    private const string LeftOut = "(What was said before is left out.)";

    private readonly List<ContentPart> _system = [];
    private readonly List<(Role Role, List<ContentPart> Parts)> _turns = [];

    /// <summary>Turns so far, system texts not counted.</summary>
    public int Count => _turns.Count;

    /// <summary>Who speaks last; null where nobody did.</summary>
    public Role? LastRole => _turns.Count > 0 ? _turns[^1].Role : null;

    /// <summary>Adds what somebody says.</summary>
    public void Add(Role role, ContentPart part)
    {
        if (part is TextPart text && IsBlank(text.Text))
            return;
        if (role == Role.System)
            _system.Add(part);
        else if (LastRole == role)
            _turns[^1].Parts.Add(part);
        else
            _turns.Add((role, [part]));
    }

    /// <summary>Another list of the same content.</summary>
    public TurnList Copy()
    {
        var copy = new TurnList();
        copy._system.AddRange(_system);
        foreach (var (role, parts) in _turns)
            copy._turns.Add((role, [.. parts]));
        return copy;
    }

    /// <summary>The list without the assistant's turn at its end, or itself where there is none.</summary>
    public TurnList WithoutLastAnswer()
    {
        if (LastRole != Role.Assistant)
            return this;
        var copy = Copy();
        copy._turns.RemoveAt(copy._turns.Count - 1);
        return copy;
    }

    /// <summary>The conversation; the last turn is to be judged. Not for an empty list.</summary>
    /// <param name="most">The last turns that count; null: all. Fewer where one of the user's begins later.</param>
    public Conversation Build(int? most = null)
    {
        var start = Math.Max(0, _turns.Count - (most ?? _turns.Count));
        // What is cut off begins with a question, if there is one: an answer to nothing is hard to judge.
        if (start > 0 && _turns.FindIndex(start, turn => turn.Role == Role.User) is >= 0 and var question)
            start = question;
        var turns = new List<Turn>(_turns.Count - start + 2);
        if (_system.Count > 0)
            turns.Add(new Turn(Role.System, [.. _system]));
        if (_turns[start].Role != Role.User)
            turns.Add(Turn.User(start == 0 ? NobodyAsked : LeftOut));
        turns.AddRange(_turns.Skip(start).Select(turn => new Turn(turn.Role, [.. turn.Parts])));
        return new Conversation(turns);
    }

    /// <summary>Whether a text is nothing but what the prompts trim.</summary>
    public static bool IsBlank(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsWhiteSpace(c) && c is not (>= '\u001C' and <= '\u001F'))
                return false;
        }

        return true;
    }
}
