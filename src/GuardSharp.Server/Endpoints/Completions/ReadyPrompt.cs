using System.Text.RegularExpressions;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary>A prompt that a client rendered itself, taken apart: task, categories, conversation.</summary>
/// <param name="Task">What is judged.</param>
/// <param name="Categories">The categories as the prompt lists them.</param>
/// <param name="Conversation">The turns between the first <c>&lt;BEGIN CONVERSATION&gt;</c> and the last <c>&lt;END CONVERSATION&gt;</c>.</param>
/// <remarks>
/// The prompt is never read by the model as it came: what was understood is rendered anew by the model's own template, so a special token
/// can come from nowhere else. Text outside the conversation must be that of a known template, word for word; in the conversation everything
/// is text. Known are the templates of Llama Guard 1 to 4, with or without their markup, as chat templates and NeMo Guardrails write them.
/// </remarks>
internal sealed partial record ReadyPrompt(VerdictTask Task, IReadOnlyList<PromptCategory> Categories, Conversation Conversation)
{
    private const string Begin = "<BEGIN CONVERSATION>";
    private const string End = "<END CONVERSATION>";

    // Longer than any policy of a published template by far.
    private const int MaxHead = 64 * 1024;

    // The published template of Llama Guard 4 prints these four characters behind every line of the conversation.
    private const string LiteralBreaks = "\\n\\n";

    /// <summary>Takes a prompt apart.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="limits">How many lines the conversation may have, for each becomes a part; null: any number.</param>
    /// <exception cref="ApiException">It is of no known template, or beyond a limit.</exception>
    public static ReadyPrompt Parse(string prompt, ConversationLimits? limits = null)
    {
        var begin = prompt.IndexOf(Begin, StringComparison.Ordinal);
        var end = prompt.LastIndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin || begin > MaxHead)
            throw Unknown($"has no {Begin} with {End} behind it");
        var head = Head().Match(prompt[..begin]);
        var tail = Tail().Match(prompt[(end + End.Length)..]);
        if (!head.Success)
            throw Unknown("does not start as one: markup, task and categories");
        if (!tail.Success)
            throw Unknown("does not end as one: the two instructions and markup");
        if (head.Groups["role"].Value != tail.Groups["role"].Value || Markup(head) != Markup(tail))
            throw Unknown("names one role or markup before the conversation and another behind it");
        var task = head.Groups["role"].Value == "Agent" ? VerdictTask.ResponseClassification : VerdictTask.PromptClassification;
        var turns = prompt[(begin + Begin.Length)..end];
        // Counted before any is kept: a body of nothing but line starts would become millions of objects.
        limits?.CheckParts(Line().Count(turns));
        return new ReadyPrompt(task, ReadCategories(head.Groups["categories"].Value), ReadTurns(turns, task));
    }

    private static string? Markup(Match match) => ((string[])["llama4", "llama3", "llama2"]).FirstOrDefault(name => match.Groups[name].Success);

    private static List<PromptCategory> ReadCategories(string text)
    {
        var categories = new List<PromptCategory>();
        // Joined once each: line by line a long head would be copied as often as it has lines.
        var descriptions = new List<List<string>>();
        foreach (var line in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (Category().Match(line) is { Success: true } match)
            {
                categories.Add(new PromptCategory(match.Groups["code"].Value, match.Groups["name"].Value.TrimEnd('.', ' ')));
                descriptions.Add([]);
            }
            else if (categories.Count > 0)
            {
                descriptions[^1].Add(line);
            }
            else
            {
                throw Unknown("has text between its categories that belongs to none");
            }
        }

        return categories.Count > 0
            ? [.. categories.Zip(descriptions, (category, lines) => lines.Count > 0 ? category with { Description = string.Join(' ', lines) } : category)]
            : throw Unknown("lists no category such as S1: Violent Crimes.");
    }

    private static Conversation ReadTurns(string text, VerdictTask task)
    {
        var starts = Line().Matches(text);
        if (starts.Count == 0 || !string.IsNullOrWhiteSpace(text[..starts[0].Index]))
            throw Unknown("has a conversation that does not start with a line User: or Agent:");
        var lines = starts.Select((start, i) => (
            Role: start.Groups["role"].Value == "Agent" ? Role.Assistant : Role.User,
            Text: text[(start.Index + start.Length)..(i + 1 < starts.Count ? starts[i + 1].Index : text.Length)].Trim())).ToList();
        if (lines.TrueForAll(line => line.Text.EndsWith(LiteralBreaks, StringComparison.Ordinal)))
            lines = lines.ConvertAll(line => line with { Text = line.Text[..^LiteralBreaks.Length] });
        var judged = task == VerdictTask.ResponseClassification ? Role.Assistant : Role.User;
        var last = lines.FindLastIndex(line => line.Role == judged);
        if (last < 0)
            throw Unknown($"asks about {(judged == Role.User ? "User" : "Agent")} messages and holds none");
        // Whatever follows the last message that is asked about can only be text of it: a prompt ends with the message it asks about.
        var rest = lines.Skip(last + 1).Select(line => $"{(line.Role == Role.User ? "User" : "Agent")}: {line.Text}");
        lines[last] = lines[last] with { Text = string.Join('\n', rest.Prepend(lines[last].Text)) };
        return new Conversation(Join(lines.Take(last + 1)));
    }

    // Templates write every text of a message as a line of its own.
    private static List<Turn> Join(IEnumerable<(Role Role, string Text)> lines)
    {
        var turns = new List<(Role Role, List<ContentPart> Parts)>();
        foreach (var (role, text) in lines)
        {
            if (turns.Count == 0 || turns[^1].Role != role)
                turns.Add((role, []));
            turns[^1].Parts.Add(new TextPart(text));
        }

        return [.. turns.Select(turn => new Turn(turn.Role, turn.Parts))];
    }

    private static ApiException Unknown(string seen) => ApiException.BadRequest(
        $"The prompt is none of a known Llama Guard template: it {seen}. Render it with the checkpoint's chat template, or send the messages to /v1/chat/completions.", "prompt", "unknown_prompt_template");

    [GeneratedRegex(
        """
        \A\s*(?:(?<llama4>(?:<\|begin_of_text\|>)?<\|header_start\|>user<\|header_end\|>\n\n)|(?<llama3>(?:<\|begin_of_text\|>)?<\|start_header_id\|>user<\|end_header_id\|>\n\n)|(?<llama2>(?:<s>)?\[INST\]\ ))?
        Task:\ Check\ if\ there\ is\ unsafe\ content\ in\ '(?<role>User|Agent)'\ messages\ in\ conversations\ according\ (?:to\ )?our\ safety\ policy\ with\ the\ below\ categories\.\ ?\n{1,2}
        <BEGIN\ UNSAFE\ ?CONTENT\ CATEGORIES>\n(?<categories>.*)\n<END\ UNSAFE\ CONTENT\ CATEGORIES>\n{1,2}\z
        """,
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Head();

    [GeneratedRegex(
        """
        \A\n{1,2}Provide\ your\ safety\ assessment\ for\ (?:ONLY\ THE\ LAST\ )?(?<quote>'?)(?<role>User|Agent)\k<quote>(?:\ message)?\ in\ the\ above\ conversation:\n
        \ ?-\ First\ line\ must\ read\ 'safe'\ or\ 'unsafe'\.\n
        \ ?-\ If\ unsafe,\ a\ second\ line\ must\ include\ a\ comma-separated\ list\ of\ violated\ categories\.\ ?
        (?:(?<llama4><\|eot\|><\|header_start\|>assistant<\|header_end\|>)|(?<llama3><\|eot_id\|><\|start_header_id\|>assistant<\|end_header_id\|>)|(?<llama2>\ ?\[/INST\]))?\s*\z
        """,
        RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Tail();

    [GeneratedRegex(@"\A(?<code>[SO][1-9][0-9]{0,3}): ?(?<name>[^\n]{1,200})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Category();

    [GeneratedRegex(@"^(?<role>User|Agent):(?=[ \n]|\z)", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Line();
}
