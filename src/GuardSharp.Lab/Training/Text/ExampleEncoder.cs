using GuardSharp.Conversations;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Words;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab.Training.Text;

/// <summary>Rows to token ids, through the prompt builder that inference uses.</summary>
/// <param name="tokenizer">The model's.</param>
/// <param name="maxTokens">Longest prompt in tokens.</param>
/// <param name="maxResponseTokens">The same where a response is judged; 0: no other limit.</param>
internal sealed class ExampleEncoder(ITokenizer tokenizer, int maxTokens, int maxResponseTokens = 0)
{
    /// <summary>Characters kept of the judged text before tokens are counted.</summary>
    private const int MaxCharacters = 4000;

    /// <summary>Characters kept of each turn before it: a long context must not push out the text that is judged.</summary>
    private const int MaxContextCharacters = 2400;

    /// <summary>What the answers' tokens are drawn from: verdicts, codes, separators and the end.</summary>
    public int[] AnswerTokens { get; } = FindAnswerTokens(tokenizer);

    /// <summary>The id of <c>safe</c>.</summary>
    public int Safe { get; } = Single(tokenizer, "safe");

    /// <summary>The id of <c>unsafe</c>.</summary>
    public int Unsafe { get; } = Single(tokenizer, "unsafe");

    /// <summary>Where in the targets of an unsafe row the first category's number stands: after the verdict, the line break and the letter S.</summary>
    public const int FirstCategory = 3;

    /// <summary>The tokens of the numbers 1 to 14, in order.</summary>
    public int[] CategoryNumbers { get; } = [.. Enumerable.Range(1, CategoryTargets.Count).Select(code => Number(tokenizer, code))];

    /// <summary>The row as an example, or null when the prompt cannot express it (an empty message).</summary>
    /// <param name="index">The row's index.</param>
    /// <param name="row">The row.</param>
    /// <param name="guess">The likeliest category (1 to 14) of an unsafe row that has none, whose distribution is learned; null: nothing after the verdict is.</param>
    public TrainingExample? Encode(int index, TrainingRow row, int? guess = null)
    {
        RenderedPrompt prompt;
        try
        {
            prompt = PromptBuilder.Build(PromptVariant.Compact, Shortened(row.Conversation), Policy.MlCommons, new PromptOptions());
        }
        catch (InvalidConversationException)
        {
            return null;
        }

        var ids = new List<int>();
        var judged = 0;
        foreach (var segment in prompt.Segments)
        {
            if (segment is TextSegment text)
            {
                judged = ids.Count;
                tokenizer.Encode(text.Text, ids);
            }
            else
            {
                ids.Add(Special(((SpecialSegment)segment).Name));
            }
        }

        var end = ids[^1];
        var limit = row.IsResponse && maxResponseTokens > 0 ? maxResponseTokens : maxTokens;
        if (ids.Count > limit)
            judged = Cut(ids, judged, end, limit);

        var answer = Answer(row, end, guess);
        return new TrainingExample(index, [.. ids, .. answer[..^1]], ids.Count, answer, judged, Math.Max(1, ids.Count - 1 - judged), row.Unsafe, row.Source == OpinionRows.Source);
    }

    /// <summary>Shortens to the limit: the context's end first, down to half of the limit, then the judged text's end.</summary>
    /// <returns>Where the judged text starts now.</returns>
    private static int Cut(List<int> ids, int judged, int end, int limit)
    {
        // The special token before the judged text says whose turn it is, so it stays.
        var turn = judged - 1;
        var fromContext = Math.Clamp(turn - (limit / 2), 0, ids.Count - limit);
        ids.RemoveRange(turn - fromContext, fromContext);
        if (ids.Count > limit)
        {
            ids.RemoveRange(limit, ids.Count - limit);
            ids[^1] = end;
        }

        return judged - fromContext;
    }

    private int[] Answer(TrainingRow row, int end, int? guess)
    {
        if (row.Source == OpinionRows.Source)
            return [Safe]; // the place of the verdict; what follows it is unknown
        if (!row.Unsafe)
            return [Safe, end];
        var ids = new List<int>();
        if (row.Categories.Count == 0)
        {
            if (guess is null)
                return [Unsafe];
            tokenizer.Encode($"unsafe\nS{guess}", ids);
            return [.. ids]; // whether a second category follows is unknown
        }

        tokenizer.Encode($"unsafe\n{string.Join(',', row.Categories)}", ids);
        return [.. ids, end];
    }

    private int Special(string name) => tokenizer.TryGetSpecial(name, out var id)
        ? id
        : throw new TrainingException($"The tokenizer has no special token {name}, which the prompt needs. Learn it with BpeTrainerOptions.ForGuard.");

    private static Conversation Shortened(Conversation conversation) => new(
        [.. conversation.Turns.Select((turn, index) => Shortened(turn, index == conversation.Turns.Count - 1 ? MaxCharacters : MaxContextCharacters))]);

    private static Turn Shortened(Turn turn, int limit)
    {
        var text = TrainingRow.TextOf(turn);
        if (text.Length <= limit)
            return turn;
        return turn with { Parts = [new TextPart(text[..(char.IsHighSurrogate(text[limit - 1]) ? limit - 1 : limit)])] };
    }

    private static int Single(ITokenizer tokenizer, string word)
    {
        var ids = new List<int>();
        tokenizer.Encode(word, ids);
        return ids.Count == 1 ? ids[0] : throw new TrainingException($"The tokenizer cuts \"{word}\" into {ids.Count} tokens; the verdict must be one.");
    }

    private static int Number(ITokenizer tokenizer, int code)
    {
        var ids = new List<int>();
        tokenizer.Encode($"unsafe\nS{code}", ids);
        return ids.Count == FirstCategory + 1
            ? ids[^1]
            : throw new TrainingException($"The tokenizer cuts \"unsafe\\nS{code}\" into {ids.Count} tokens; the number of a category must be the fourth and last.");
    }

    private static int[] FindAnswerTokens(ITokenizer tokenizer)
    {
        var ids = new List<int>();
        tokenizer.Encode("safe", ids);
        for (var code = 1; code <= 14; code++)
            tokenizer.Encode($"unsafe\nS{code},S{code}", ids);
        if (tokenizer.TryGetSpecial("<|eot|>", out var end))
            ids.Add(end);
        return [.. ids.Distinct().Order()];
    }
}
