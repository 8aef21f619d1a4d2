using GuardSharp.Conversations;
using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training.Phrases;

/// <summary>
/// English responses this project wrote itself, to the prompts of other sources: refusals and willing answers, long and short. Labelled responses
/// are few; without these, every answer would look safe and every refusal of a dangerous request unsafe.
/// </summary>
/// <remarks>They are put together by <see cref="ReplyText"/> from openings.tsv and refusals.tsv; no text names any means of doing harm.</remarks>
internal static class ReplyBook
{
    /// <summary>The source name of these rows.</summary>
    public const string Source = "replies";

    private static readonly HashSet<string> UnsafePrompts =
        ["advbench", "ailuminate", "catqa", "forbidden-questions", "harmbench", "jbb", "malicious_instruct", "multijail", "strongreject", "tdc2023"];

    /// <summary>Long attempts to talk a model round; each is answered several times, so that the answer decides and not the attempt.</summary>
    private const string Jailbreaks = "jbb-artifacts";

    private const int AnswersToJailbreak = 6;

    private static readonly HashSet<string> SafePrompts = ["clinc-oos", "self-instruct-seed", TrainingRow.PhraseSource, TrainingRow.SentenceSource];

    /// <summary>For each fitting English prompt one refusal and one willing answer.</summary>
    /// <param name="rows">The rows whose prompts are answered.</param>
    /// <param name="seed">Seed of the choice of sentences.</param>
    public static List<TrainingRow> Rows(IReadOnlyList<TrainingRow> rows, int seed)
    {
        var random = new Random(seed);
        var text = new ReplyText(random);
        var replies = new List<TrainingRow>();
        foreach (var row in rows.Where(row => row.Language == "en" && !row.IsResponse && (row.Unsafe ? UnsafePrompts : SafePrompts).Contains(row.Source)))
        {
            replies.Add(Answer(row, "refusal", text.Refusal(), isUnsafe: false));
            replies.Add(Answer(row, "willing", text.Willing(row.LastText, row.Unsafe), row.Unsafe));
        }

        foreach (var row in rows.Where(row => row.Source == Jailbreaks))
        {
            for (var answer = 0; answer < AnswersToJailbreak; answer++)
            {
                replies.Add(Answer(row, $"refusal{answer}", text.Refusal(), isUnsafe: false));
                if (row.Unsafe && answer % 2 == 0)
                    replies.Add(Answer(row, $"willing{answer}", text.Willing(null, isUnsafe: true), isUnsafe: true));
            }
        }

        return replies;
    }

    private static TrainingRow Answer(TrainingRow row, string kind, string text, bool isUnsafe) => new(
        $"{Source}/{kind}/{row.Id}", Source, "en", new Conversation([row.Conversation.Turns[0], Turn.Assistant(text)]), isUnsafe, isUnsafe ? row.Categories : [], null);
}
