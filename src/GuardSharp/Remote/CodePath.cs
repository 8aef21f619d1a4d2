using GuardSharp.Policies;

namespace GuardSharp.Remote;

/// <summary>P(category is in the list), given unsafe, by code; every true value lies between the value and the value plus the uncertainty.</summary>
internal sealed record CodeShares(IReadOnlyDictionary<string, double> Values, double Uncertainty);

/// <summary>Reads the categories' probabilities from one written list of codes and the alternatives at each of its tokens.</summary>
/// <remarks>
/// The same sum as the local reader's (docs/prompts.md, "Answer"), with the written list as the only one that is followed: at every token the
/// alternatives that fit the grammar share the mass that came so far. What ends the list is settled; what goes another way counts for the
/// code it begins with, if that code is plain, and wholly for the uncertainty, for it could list any other code behind it.
/// </remarks>
/// <param name="policy">What values are wanted for.</param>
/// <param name="known">The codes that the prompt names, and that the model may therefore list.</param>
internal sealed class CodePath(Policy policy, IReadOnlyList<string> known)
{
    private const string Word = "unsafe";

    private readonly Dictionary<string, double> _values = policy.Categories.ToDictionary(c => c.Code, _ => 0.0);
    private double _mass = 1;
    private double _uncertainty;

    /// <summary>Reads a list.</summary>
    /// <param name="tokens">The answer.</param>
    /// <param name="first">The token its word begins with.</param>
    public CodeShares Read(IReadOnlyList<AnswerToken> tokens, int first)
    {
        var written = "";
        for (var i = first; i < tokens.Count; i++)
        {
            if (written.Length > Word.Length)
            {
                if (!Follow(written, tokens[i]))
                    return Result();
            }

            written += i == first ? tokens[i].Text.TrimStart('\n') : tokens[i].Text;
        }

        Close(WrittenList.Parse(written));
        return Result();
    }

    private CodeShares Result() => new(_values, Math.Min(1, _uncertainty));

    /// <summary>Shares the mass among what could stand at a token; false: the list ended here.</summary>
    private bool Follow(string before, AnswerToken token)
    {
        var list = WrittenList.Parse(before);
        var next = WrittenList.IsEnd(token.Text) || token.Text.Trim('\n').Length == 0 ? null : WrittenList.Parse(before + token.Text);
        if (list is null || (!list.IsClosable && (next is null || next.Closed.Count > list.Closed.Count)))
        {
            // Not the grammar, or a code that was listed before.
            _uncertainty += _mass;
            return false;
        }

        var ways = Ways(before, list, token);
        var total = ways.Sum(way => way.P) + token.Unlisted;
        _uncertainty += _mass * (total > 0 ? token.Unlisted / total : 1);
        var goesOn = 0.0;
        foreach (var (way, p) in ways)
        {
            var share = _mass * p / total;
            if (way is null || way.Closed.Count > list.Closed.Count && list.IsClosable)
                Count(list.Last!, list, share);
            if (way is not null && next is not null && way.IsOnTheWayOf(next))
                goesOn += p / total;
            else if (way is not null)
                Leave(way, list, share, token.Listed.Keys);
        }

        _mass *= goesOn;
        return next is not null && _mass > 0;
    }

    /// <summary>What could stand at a token by the grammar, with its probability; null: the end.</summary>
    private List<(WrittenList? Way, double P)> Ways(string before, WrittenList list, AnswerToken token)
    {
        List<(WrittenList?, double)> ways = [];
        foreach (var (text, p) in token.Listed)
        {
            // Newlines end a list that was written so, and are no word of the grammar otherwise.
            if (WrittenList.IsEnd(text) || (text == token.Text && text.Trim('\n').Length == 0))
            {
                if (list.IsClosable)
                    ways.Add((null, p));
            }
            else if (WrittenList.Parse(before + text) is { } way && (text == token.Text || known.Any(code => way.CouldHold(code))))
            {
                ways.Add((way, p));
            }
        }

        return ways;
    }

    /// <summary>Another list begins: its own code counts if nothing could still be added to its number.</summary>
    private void Leave(WrittenList way, WrittenList list, double share, IEnumerable<string> listed)
    {
        _uncertainty += share;
        if (way.Last is { Length: > 1 } code && !list.Closed.Contains(code) && code != list.Last && !CouldGrow(code, listed))
            Count(code, list, share);
    }

    // S1 could become S10, unless the tokenizer writes 10 as one token: then it would have been listed as one.
    private bool CouldGrow(string code, IEnumerable<string> listed) => known.Any(other => other.Length > code.Length
        && other.StartsWith(code, StringComparison.Ordinal)
        && !listed.Any(text => text.EndsWith(other[1..], StringComparison.Ordinal)));

    private void Count(string code, WrittenList list, double share)
    {
        if (_values.TryGetValue(code, out var value) && !list.Closed.Contains(code))
            _values[code] = value + share;
    }

    /// <summary>The tokens ended without one for the end. The model chose to stop, so a further code was no likelier than that.</summary>
    private void Close(WrittenList? list)
    {
        if (list?.IsClosable == true)
        {
            Count(list.Last!, list, _mass);
            _uncertainty += _mass / 2;
        }
        else
        {
            _uncertainty += _mass;
        }
    }

    /// <summary>A list of codes under way.</summary>
    /// <param name="Closed">Codes that are complete: a comma stands behind them.</param>
    /// <param name="Last">What stands behind the last comma: nothing, S, or a code that may be complete.</param>
    /// <param name="Text">The answer so far.</param>
    private sealed record WrittenList(IReadOnlyList<string> Closed, string? Last, string Text)
    {
        public bool IsClosable => Last is { Length: > 1 } && !Closed.Contains(Last);

        /// <summary>Whether this list could come to hold a code in its last place: none stands in a list twice.</summary>
        public bool CouldHold(string code) => !Closed.Contains(code) && code.StartsWith(Last ?? "", StringComparison.Ordinal);

        /// <summary>Whether one of the two texts begins the other, and no digit makes the difference.</summary>
        public bool IsOnTheWayOf(WrittenList other)
        {
            var (shorter, longer) = Text.Length <= other.Text.Length ? (Text, other.Text) : (other.Text, Text);
            return longer.StartsWith(shorter, StringComparison.Ordinal) && !longer.AsSpan(shorter.Length).ContainsAnyInRange('0', '9');
        }

        /// <summary>Whether a token ends an answer: it shows nothing, or it is a special token by its name.</summary>
        public static bool IsEnd(string token) => token is [] or ['<', .., '>'];

        /// <summary>Reads the beginning of an answer from its word on; null: it is none.</summary>
        public static WrittenList? Parse(string text)
        {
            if (!text.StartsWith(Word, StringComparison.Ordinal) || text.Length == Word.Length || text[Word.Length] is not ('\n' or ' '))
                return null;
            var items = text[(Word.Length + 1)..].Split(',');
            for (var i = 0; i < items.Length; i++)
            {
                items[i] = i > 0 && items[i].StartsWith(' ') ? items[i][1..] : items[i];
                if (!(i == items.Length - 1 && items[i] is "" or "S") && !HazardCategory.TryGetNumber(items[i], out _))
                    return null;
            }

            return new WrittenList(items[..^1], items[^1].Length > 0 ? items[^1] : null, text);
        }
    }
}
