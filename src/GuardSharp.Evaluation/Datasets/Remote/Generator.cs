using System.Text.Json.Nodes;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>One response to ask for.</summary>
/// <param name="Id">The id of the row it makes.</param>
/// <param name="Row">The prompt's row.</param>
/// <param name="Template">What is put around the prompt; null: nothing.</param>
/// <param name="Copy">From 0 on: responses to the same prompt.</param>
internal sealed record ResponseJob(string Id, DataRow Row, PromptTemplate? Template, int Copy) : RemoteJob(Id, Row);

/// <summary>What is generated.</summary>
/// <param name="Benign">Plain responses.</param>
/// <param name="Violating">Responses to the prompt inside a template.</param>
/// <param name="PerPrompt">Responses of each kind to each prompt.</param>
/// <param name="Templates">The templates, used in turn.</param>
internal sealed record GenerationPlan(bool Benign, bool Violating, int PerPrompt, IReadOnlyList<PromptTemplate> Templates);

/// <summary>What generating came to.</summary>
/// <param name="Prompts">Rows of the input.</param>
/// <param name="Earlier">Responses that were there before this run.</param>
/// <param name="Responses">Responses there are now.</param>
/// <param name="Skipped">Rows, or kinds of responses to them, that were not asked for, by reason.</param>
/// <param name="Failed">Responses that did not come.</param>
internal sealed record GenerationReport(long Prompts, long Earlier, long Responses, IReadOnlyDictionary<string, int> Skipped, IReadOnlyList<FailedJob> Failed);

/// <summary>Lets an instruct model answer prompts, plainly or inside a template that asks it to break its rules. Whether it did is for a labeller to say.</summary>
/// <remarks>Rows come unlabelled. Nothing that may be about the abuse of children is ever asked for in a template.</remarks>
/// <param name="model">Who is asked.</param>
/// <param name="plan">What for.</param>
internal sealed class Generator(ChatModel model, GenerationPlan plan)
{
    private const string ChildExploitation = "S4";

    private readonly Dictionary<string, int> _skipped = new(StringComparer.Ordinal);

    /// <summary>Generates responses to the prompts of a file.</summary>
    /// <param name="rows">Rows whose last message is the user's, each id once.</param>
    /// <param name="output">Where they go; responses it holds are not asked for again.</param>
    /// <param name="options">How the model is asked.</param>
    /// <param name="progress">Told after every response.</param>
    /// <param name="cancellationToken">Stops; responses that came are in the file.</param>
    /// <exception cref="GuardException">The file holds responses of another model, or the server failed too often.</exception>
    public async Task<GenerationReport> RunAsync(
        IReadOnlyList<DataRow> rows, string output, ChatOptions options, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        List<ResponseJob> jobs = [.. rows.SelectMany(Jobs)];
        using var journal = new RowJournal(output);
        CheckEarlier(output, journal);
        var known = jobs.Count(job => journal.Rows.ContainsKey(job.Id));
        var (batch, pictures) = (new RemoteBatch(options.Concurrency), new RowPictures(output));
        await batch.RunAsync(
            [.. jobs.Where(job => !journal.Rows.ContainsKey(job.Id))],
            async (job, token) => Row(job, pictures, await AskAsync(job, token).ConfigureAwait(false)),
            journal,
            progress,
            cancellationToken).ConfigureAwait(false);
        journal.Sort(jobs.Select(job => job.Id));
        return new GenerationReport(rows.Count, known, jobs.Count(job => journal.Rows.ContainsKey(job.Id)), _skipped, batch.Failed);
    }

    private IEnumerable<ResponseJob> Jobs(DataRow row)
    {
        if (row.IsResponse)
        {
            Skip("the last message is an answer already");
            yield break;
        }

        for (var copy = 0; plan.Benign && copy < plan.PerPrompt; copy++)
        {
            yield return new ResponseJob($"{row.Id}/benign-{copy + 1}", row, null, copy);
        }

        if (plan.Violating && WhyNotViolating(row) is { } reason)
        {
            Skip(reason);
            yield break;
        }

        // Prompts begin at different templates, so that all are used although each prompt gets few.
        var first = plan.Templates.Count == 0 ? 0 : (int)(row.Line % plan.Templates.Count);
        for (var copy = 0; plan.Violating && copy < plan.PerPrompt; copy++)
        {
            var template = plan.Templates[(first + copy) % plan.Templates.Count];
            yield return new ResponseJob($"{row.Id}/{template.Name}-{copy + 1}", row, template, copy);
        }
    }

    /// <summary>A prompt whose hazard nobody named may be about children; there nothing is asked for but the plain answer.</summary>
    private static string? WhyNotViolating(DataRow row) =>
        row.Unsafe is null || row is { Unsafe: true, Categories.Count: 0 } ? "violating: the prompt's categories are not labelled (guardsharp data label)"
        : row.Categories.Contains(ChildExploitation) ? "violating: S4 gets plain answers only"
        : row.Unsafe == false ? "violating: the prompt is safe"
        : null;

    private void Skip(string reason) => _skipped[reason] = _skipped.GetValueOrDefault(reason) + 1;

    private async Task<string> AskAsync(ResponseJob job, CancellationToken cancellationToken)
    {
        var turns = RowConversation.Of(job.Row).Turns;
        if (turns.Any(turn => turn.Role == Role.Tool || turn.Parts.Any(part => part is ToolCallPart)))
        {
            throw new InvalidConversationException($"{job.Row.Place}: a conversation with tools cannot be continued here. Leave it out.");
        }

        var messages = turns.Select((turn, index) => new ChatMessage(
            turn.Role switch { Role.Assistant => "assistant", Role.System => "system", _ => "user" },
            index == turns.Count - 1 && job.Template is { } template ? template.Around(TextOf(turn)) : TextOf(turn),
            [.. turn.Parts.OfType<ImagePart>()])).ToList();
        var answer = await model.AskAsync(messages, job.Copy, cancellationToken).ConfigureAwait(false);
        return string.IsNullOrWhiteSpace(answer) ? throw new InvalidAnswerException("The answer is empty.") : answer;
    }

    private static string TextOf(Turn turn) => string.Join('\n', turn.Parts.OfType<TextPart>().Select(part => part.Text));

    private string Row(ResponseJob job, RowPictures pictures, string answer)
    {
        string json;
        lock (pictures)
        {
            json = pictures.Take(job.Row);
        }

        var messages = JsonNode.Parse(json)!["messages"]!.DeepClone().AsArray();
        messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = answer });
        return RowPictures.Text(new JsonObject
        {
            ["id"] = job.Id,
            ["task"] = "response",
            ["messages"] = messages,
            ["categories"] = new JsonArray(),
            ["language"] = job.Row.Language,
            ["source"] = $"generated/{job.Row.Source}",
            ["licence"] = job.Row.Licence,
            ["weak_label"] = true,
            ["written_by"] = model.Name,
            ["generated"] = new JsonObject
            {
                ["kind"] = job.Template is null ? "benign" : "violating",
                ["template"] = job.Template?.Name,
                ["prompt"] = job.Row.Id,
            },
        });
    }

    private void CheckEarlier(string output, RowJournal journal)
    {
        foreach (var json in journal.Rows.Values)
        {
            if (JsonNode.Parse(json) is not JsonObject row || row["generated"] is not JsonObject || row["written_by"]?.GetValue<string>() != model.Name)
            {
                throw new SampleFileException($"{output}: it holds rows that {model.Name} did not generate. Name another file.");
            }
        }
    }
}
