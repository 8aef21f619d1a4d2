using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Systems;

/// <summary>What the parts of a system said about one prompt.</summary>
/// <param name="IsUnsafe">The prompt's truth.</param>
/// <param name="PromptFlagged">The guard stops the prompt.</param>
/// <param name="ResponseFlagged">The guard stops the model's answer.</param>
/// <param name="Violates">The judge finds the answer violating.</param>
internal readonly record struct SystemRow(bool IsUnsafe, bool PromptFlagged, bool ResponseFlagged, bool Violates);

/// <summary>Lets a model answer every prompt once and asks a guard about prompt and answer: enough to know what each arrangement of filters would have let through.</summary>
/// <remarks>Rows are kept in answers.jsonl as they come, by id: a run that was stopped goes on. The answers stand there and nowhere else.</remarks>
/// <param name="generator">The model that answers.</param>
/// <param name="guard">The filter.</param>
/// <param name="options">How it judges.</param>
/// <param name="judge">Says whether an answer violates; null: the guard itself.</param>
/// <param name="judgeOptions">How the judge judges.</param>
internal sealed class SystemEvaluation(ChatModel generator, IGuard guard, ClassifyOptions options, IGuard? judge, ClassifyOptions judgeOptions)
{
    /// <summary>Name of the file of answers.</summary>
    public const string AnswersFile = "answers.jsonl";

    /// <summary>Name of the file of numbers.</summary>
    public const string NumbersFile = "system.json";

    private readonly string _settings = string.Join(" | ", generator.Name, Name(guard, options), judge is null ? "same" : Name(judge, judgeOptions));

    /// <summary>Answers and judges the prompts of a file, and counts.</summary>
    /// <param name="rows">Labelled rows, each id once; those whose last message is an answer are passed over.</param>
    /// <param name="data">Name of their file.</param>
    /// <param name="folder">Where everything goes; made where it is missing.</param>
    /// <param name="concurrency">Prompts under way at the same time.</param>
    /// <param name="progress">Told after every prompt.</param>
    /// <param name="cancellationToken">Stops; what was answered is kept.</param>
    /// <exception cref="GuardException">The folder holds another run, or a server failed too often.</exception>
    public async Task<SystemReport> RunAsync(
        IReadOnlyList<DataRow> rows, string data, string folder, int concurrency, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        List<RemoteJob> jobs = [.. rows.Where(row => !row.IsResponse).Select(row => new RemoteJob(row.Id, row))];
        if (jobs.Count == 0)
        {
            throw new SampleFileException($"{data}: no row ends with a message of the user, so there is nothing to answer.");
        }

        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, AnswersFile);
        var batch = new RemoteBatch(concurrency);
        List<SystemRow> judged;
        using (var journal = new RowJournal(path))
        {
            foreach (var json in journal.Rows.Values)
            {
                CheckEarlier(path, json);
            }

            await batch.RunAsync([.. jobs.Where(job => !journal.Rows.ContainsKey(job.Id))], AskAsync, journal, progress, cancellationToken).ConfigureAwait(false);
            judged = [.. jobs.Where(job => journal.Rows.ContainsKey(job.Id)).Select(job => Row(job.Row, journal.Rows[job.Id]))];
            var unreadable = jobs.Where(job => journal.Rows.ContainsKey(job.Id)).Sum(job => Unreadable(journal.Rows[job.Id]));
            journal.Sort(jobs.Select(job => job.Id));
            return Report(data, judged, unreadable, batch.Failed, rows.Count - jobs.Count);
        }
    }

    private SystemReport Report(string data, List<SystemRow> judged, int unreadable, IReadOnlyList<FailedJob> failed, int passedOver) => new()
    {
        Data = data,
        Generator = generator.Name,
        Guard = guard.Capabilities.Model,
        Judge = judge?.Capabilities.Model,
        Arrangements = SystemReport.Count(judged),
        UnsafePrompts = judged.Count(row => row.IsUnsafe),
        SafePrompts = judged.Count(row => !row.IsUnsafe),
        ViolatingAnswers = judged.Count(row => row is { IsUnsafe: true, Violates: true }),
        Unreadable = unreadable,
        PassedOver = passedOver,
        Failed = failed,
    };

    private async Task<string?> AskAsync(RemoteJob job, CancellationToken cancellationToken)
    {
        var prompt = RowConversation.Of(job.Row);
        var before = await JudgeAsync(guard, prompt, options, cancellationToken).ConfigureAwait(false);
        var answer = await generator.AskAsync(Messages(job.Row, prompt), 0, cancellationToken, mayBeCut: true).ConfigureAwait(false);
        // A model that says nothing gives nothing to judge and nothing to see.
        var whole = new Conversation([.. prompt.Turns, Turn.Assistant(answer)]);
        var isEmpty = string.IsNullOrWhiteSpace(answer);
        var after = isEmpty ? Said.Nothing : await JudgeAsync(guard, whole, options, cancellationToken).ConfigureAwait(false);
        var found = isEmpty || judge is null ? after : await JudgeAsync(judge, whole, judgeOptions, cancellationToken).ConfigureAwait(false);
        return RowPictures.Text(new JsonObject
        {
            ["id"] = job.Id,
            ["unsafe"] = job.Row.Unsafe,
            ["answer"] = answer,
            ["prompt"] = before.ToJson(),
            ["response"] = after.ToJson(),
            ["judge"] = found.ToJson(),
            ["settings"] = _settings,
        });
    }

    private static List<ChatMessage> Messages(DataRow row, Conversation conversation) =>
        conversation.Turns.Any(turn => turn.Role == Role.Tool || turn.Parts.Any(part => part is ToolCallPart))
            ? throw new InvalidConversationException($"{row.Place}: a conversation with tools cannot be continued here. Leave it out.")
            : [.. conversation.Turns.Select(turn => new ChatMessage(
                turn.Role switch { Role.Assistant => "assistant", Role.System => "system", _ => "user" },
                string.Join('\n', turn.Parts.OfType<TextPart>().Select(part => part.Text)),
                [.. turn.Parts.OfType<ImagePart>()]))];

    // What cannot be read is stopped by a filter and found violating by a judge: a doubt never makes a system look safer or freer.
    private static async Task<Said> JudgeAsync(IGuard who, Conversation conversation, ClassifyOptions how, CancellationToken cancellationToken)
    {
        try
        {
            var verdict = await who.ClassifyAsync(conversation, how, cancellationToken).ConfigureAwait(false);
            return new Said(verdict.Unsafe, verdict.UnsafeProbability, false);
        }
        catch (InvalidAnswerException)
        {
            return new Said(true, 1, true);
        }
    }

    private static string Name(IGuard who, ClassifyOptions how) => string.Create(
        System.Globalization.CultureInfo.InvariantCulture, $"{who.Capabilities.Model} at {how.Threshold ?? who.Capabilities.Threshold} under {how.Policy?.Version ?? "default"}");

    private void CheckEarlier(string path, string json)
    {
        if (JsonNode.Parse(json)?["settings"]?.GetValue<string>() is var earlier && earlier != _settings)
        {
            throw new SampleFileException($"{path}: the folder holds a run of \"{earlier ?? "nothing"}\", and this one is \"{_settings}\". Name another folder.");
        }
    }

    private static SystemRow Row(DataRow row, string json)
    {
        using var document = JsonDocument.Parse(json);
        bool Flagged(string part) => document.RootElement.GetProperty(part).GetProperty("unsafe").GetBoolean();
        return new SystemRow(row.Unsafe == true, Flagged("prompt"), Flagged("response"), Flagged("judge"));
    }

    private static int Unreadable(string json)
    {
        using var document = JsonDocument.Parse(json);
        return ((string[])["prompt", "response", "judge"]).Count(part => document.RootElement.GetProperty(part).GetProperty("unreadable").GetBoolean());
    }

    private readonly record struct Said(bool Unsafe, double UnsafeProbability, bool Unreadable)
    {
        public static Said Nothing => default;

        public JsonObject ToJson() => new() { ["unsafe"] = Unsafe, ["unsafeProbability"] = UnsafeProbability, ["unreadable"] = Unreadable };
    }
}
