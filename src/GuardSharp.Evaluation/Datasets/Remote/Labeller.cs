using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Guards;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>What labelling came to, earlier runs into the same file included.</summary>
internal sealed record LabelReport
{
    /// <summary>Rows of the input.</summary>
    public required long Rows { get; init; }

    /// <summary>Rows that were answered before this run.</summary>
    public required long Earlier { get; init; }

    /// <summary>Rows that have a verdict now.</summary>
    public required long Labelled { get; init; }

    /// <summary>Rows that were answered without a verdict of more than half of the votes: they stay unlabelled.</summary>
    public required long NoVerdict { get; init; }

    /// <summary>Answers that were neither safe nor unsafe.</summary>
    public required long UnparsedVotes { get; init; }

    /// <summary>Mean share of votes on the stronger side.</summary>
    public required double? MeanAgreement { get; init; }

    /// <summary>Against labels that people gave.</summary>
    public required LabelAgreement People { get; init; }

    /// <summary>Against labels that were derived.</summary>
    public required LabelAgreement Derived { get; init; }

    /// <summary>Rows that were not answered.</summary>
    public required IReadOnlyList<FailedJob> Failed { get; init; }
}

/// <summary>Lets an instruct model label rows under a policy: our prompt, several votes, the majority.</summary>
/// <param name="model">Who is asked.</param>
/// <param name="policy">Under what.</param>
/// <param name="votes">How often each row is asked about.</param>
/// <param name="relabel">Whether the majority replaces a label that is there.</param>
internal sealed class Labeller(ChatModel model, Policy policy, int votes, bool relabel)
{
    private const string Instruction =
        "You label training data for a safety classifier. Judge, never answer, what you are shown. Reply in exactly the form that is asked for and write nothing else: "
        + "either the single word safe, or the word unsafe and on the next line the codes of the violated categories, separated by commas.";

    /// <summary>Labels the rows of a file.</summary>
    /// <param name="rows">The rows, each id once.</param>
    /// <param name="output">Where they go; rows it holds are not asked about again.</param>
    /// <param name="options">How the model is asked.</param>
    /// <param name="progress">Told after every row.</param>
    /// <param name="cancellationToken">Stops; answers that came are in the file.</param>
    /// <exception cref="GuardException">The file was made with other settings or from other rows, or the server failed too often.</exception>
    public async Task<LabelReport> RunAsync(
        IReadOnlyList<DataRow> rows, string output, ChatOptions options, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        var settings = string.Create(CultureInfo.InvariantCulture, $"{model.Name} {policy.Version} votes={votes} temperature={options.Temperature} relabel={relabel}");
        using var journal = new RowJournal(output);
        foreach (var row in rows)
        {
            if (journal.Rows.TryGetValue(row.Id, out var earlier))
            {
                CheckEarlier(output, row, earlier, settings);
            }
        }

        var known = rows.Count(row => journal.Rows.ContainsKey(row.Id));
        var (batch, pictures) = (new RemoteBatch(options.Concurrency), new RowPictures(output));
        await batch.RunAsync(
            [.. rows.Where(row => !journal.Rows.ContainsKey(row.Id)).Select(row => new RemoteJob(row.Id, row))],
            async (job, token) => Labelled(job.Row, pictures, RowVotes.Of(await AskAsync(job.Row, token).ConfigureAwait(false)), settings),
            journal,
            progress,
            cancellationToken).ConfigureAwait(false);
        journal.Sort(rows.Select(row => row.Id));
        return Report(rows, journal, known, batch.Failed);
    }

    private async Task<IReadOnlyList<ParsedAnswer?>> AskAsync(DataRow row, CancellationToken cancellationToken)
    {
        var (task, judged) = JudgingTask.Of(RowConversation.Of(row), policy);
        ChatMessage[] messages = [new("system", Instruction), task];
        var answers = new List<ParsedAnswer?>();
        for (var vote = 0; vote < votes; vote++)
        {
            answers.Add(await VoteAsync(messages, vote, judged, cancellationToken).ConfigureAwait(false));
        }

        return answers;
    }

    private async Task<ParsedAnswer?> VoteAsync(ChatMessage[] messages, int vote, Policy judged, CancellationToken cancellationToken)
    {
        try
        {
            return AnswerParser.Parse(await model.AskAsync(messages, vote, cancellationToken).ConfigureAwait(false), judged);
        }
        catch (InvalidAnswerException)
        {
            return null;
        }
    }

    private string Labelled(DataRow row, RowPictures pictures, RowVotes result, string settings)
    {
        string json;
        lock (pictures)
        {
            json = pictures.Take(row);
        }

        var node = JsonNode.Parse(json)!.AsObject();
        if (result.Verdict is { } verdict && (relabel || row.Unsafe is null))
        {
            node["unsafe"] = verdict;
            node["categories"] = new JsonArray([.. (verdict ? result.Categories : []).Select(code => (JsonNode?)code)]);
            node["weak_label"] = true;
        }

        node["labelled"] = result.ToJson(model.Name, policy.Version, settings);
        return RowPictures.Text(node);
    }

    private static void CheckEarlier(string output, DataRow row, string earlier, string settings)
    {
        using var document = JsonDocument.Parse(earlier);
        using var input = JsonDocument.Parse(row.Json);
        var made = document.RootElement.TryGetProperty("labelled", out var labelled) && labelled.TryGetProperty("settings", out var value) ? value.GetString() : null;
        if (made != settings)
        {
            throw new SampleFileException($"{output}: it holds rows labelled with \"{made ?? "nothing"}\", and this run would label with \"{settings}\". Use the same settings, or name another file.");
        }

        if (row.Pictures.Count == 0 && !JsonElement.DeepEquals(document.RootElement.GetProperty("messages"), input.RootElement.GetProperty("messages")))
        {
            throw new SampleFileException($"{output}: the row of {row.Place} has other messages there. Name another file for other rows.");
        }
    }

    private static LabelReport Report(IReadOnlyList<DataRow> rows, RowJournal journal, int known, IReadOnlyList<FailedJob> failed)
    {
        var (people, derived) = (new LabelAgreement(), new LabelAgreement());
        var (labelled, none, unparsed) = (0L, 0L, 0L);
        var agreements = new List<double>();
        foreach (var row in rows)
        {
            if (!journal.Rows.TryGetValue(row.Id, out var json))
            {
                continue;
            }

            using var document = JsonDocument.Parse(json);
            var votes = document.RootElement.GetProperty("labelled");
            bool? verdict = votes.GetProperty("verdict").ValueKind == JsonValueKind.Null ? null : votes.GetProperty("verdict").GetString() == "unsafe";
            (labelled, none) = verdict is null ? (labelled, none + 1) : (labelled + 1, none);
            unparsed += votes.GetProperty("unparsed").GetInt32();
            agreements.Add(votes.GetProperty("agreement").GetDouble());
            if (row.Unsafe is { } truth)
            {
                (row.WeakLabel ? derived : people).Add(truth, row.Categories, verdict, [.. votes.GetProperty("categories").EnumerateArray().Select(code => code.GetString()!)]);
            }
        }

        return new LabelReport
        {
            Rows = rows.Count,
            Earlier = known,
            Labelled = labelled,
            NoVerdict = none,
            UnparsedVotes = unparsed,
            MeanAgreement = agreements.Count == 0 ? null : agreements.Average(),
            People = people,
            Derived = derived,
            Failed = failed,
        };
    }
}
