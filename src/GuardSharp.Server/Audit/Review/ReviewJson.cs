using System.Text.Json;
using System.Text.Json.Serialization;
using GuardSharp.Server.Audit.Store;

namespace GuardSharp.Server.Audit.Review;

/// <summary>A decision as reviewers see it.</summary>
internal sealed record DecisionView(
    long Sequence,
    string Id,
    DateTimeOffset Time,
    string Key,
    string Endpoint,
    string Task,
    bool Unsafe,
    double UnsafeProbability,
    double Threshold,
    IReadOnlyList<string> Categories,
    IReadOnlyDictionary<string, double> CategoryProbabilities,
    string PolicyVersion,
    string Model,
    int PromptTokens,
    int ImageTokens,
    double LatencyMs,
    string ContentHash,
    LabelView? Label)
{
    /// <summary>The judged conversation; absent where it was not stored or not asked for.</summary>
    public JsonElement? Messages { get; init; }

    /// <summary>All labels, the latest first; only where one decision is asked for.</summary>
    public IReadOnlyList<LabelView>? Labels { get; init; }

    /// <summary>The view of a stored decision.</summary>
    public static DecisionView Of(StoredDecision decision)
    {
        var row = decision.Row;
        return new DecisionView(
            decision.Sequence, row.Id, row.Time, row.Key, row.Endpoint, row.Task, row.Unsafe, row.UnsafeProbability, row.Threshold, row.Categories, row.Probabilities,
            row.PolicyVersion, row.Model, row.PromptTokens, row.ImageTokens, row.LatencyMs, row.ContentHash, LabelView.Of(decision.Label))
        {
            Messages = row.Content is { } content ? JsonElement.Parse(content) : null,
        };
    }
}

/// <summary>A label as reviewers see it.</summary>
internal sealed record LabelView(bool Correct, IReadOnlyList<string>? Categories, string? Note, string Reviewer, DateTimeOffset Time)
{
    /// <summary>The view of a stored label.</summary>
    public static LabelView? Of(StoredLabel? label) => label is null ? null : new LabelView(label.Correct, label.Categories, label.Note, label.Reviewer, label.Time);
}

/// <summary>A page of decisions.</summary>
/// <param name="Data">The decisions.</param>
/// <param name="HasMore">Whether more follow.</param>
/// <param name="Next">The cursor of the next page; null: there is none.</param>
internal sealed record DecisionPage(IReadOnlyList<DecisionView> Data, bool HasMore, string? Next)
{
    /// <summary>Always <c>list</c>.</summary>
    public string Object { get; init; } = "list";
}

/// <summary>What a reviewer sends.</summary>
internal sealed record LabelRequest
{
    /// <summary>Whether the verdict was right.</summary>
    [JsonRequired]
    public bool Correct { get; init; }

    /// <summary>The categories that are violated in truth.</summary>
    public IReadOnlyList<string>? Categories { get; init; }

    /// <summary>Free text, at most 2,000 characters.</summary>
    public string? Note { get; init; }
}

/// <summary>What is known of decisions that are not in the store.</summary>
/// <param name="Missing">Decisions of ended runs that may have been answered and are not in the store.</param>
/// <param name="Gaps">Where they are missing.</param>
/// <param name="OpenRuns">Runs that have not ended as far as the store knows; this server's is among them.</param>
/// <param name="ThisRun">This server.</param>
internal sealed record GapReport(long Missing, IReadOnlyList<GapView> Gaps, IReadOnlyList<OpenRun> OpenRuns, RunState ThisRun);

/// <summary>Numbers of a run that are not in the store.</summary>
/// <param name="Run">The run.</param>
/// <param name="Host">The machine.</param>
/// <param name="First">First missing number.</param>
/// <param name="Last">Last missing number.</param>
/// <param name="Count">How many.</param>
/// <param name="After">Time of the last stored decision before them.</param>
/// <param name="Before">Time of the first stored decision after them.</param>
/// <param name="Found">When they were found missing.</param>
/// <param name="Answered">False: recorded before answering, so none of them was answered.</param>
internal sealed record GapView(string Run, string Host, long First, long Last, long Count, DateTimeOffset? After, DateTimeOffset? Before, DateTimeOffset Found, bool Answered)
{
    /// <summary>The view of a gap.</summary>
    public static GapView Of(Gap gap) =>
        new(gap.Run, gap.Host, gap.First, gap.Last, gap.Count, gap.After, gap.Before, gap.Found, gap.Durability != nameof(AuditDurability.BeforeAnswer));
}

/// <summary>How this server's own recording stands.</summary>
/// <param name="Run">The run.</param>
/// <param name="Taken">Decisions taken so far.</param>
/// <param name="Pending">Decisions that wait in memory.</param>
/// <param name="SpillBytes">Bytes of decisions that wait on disk.</param>
/// <param name="Dropped">Decisions lost so far.</param>
/// <param name="StorePresent">Whether the store is there.</param>
internal sealed record RunState(string Run, long Taken, int Pending, long SpillBytes, long Dropped, bool StorePresent);

/// <summary>A labelled decision as a row of training data; the schema of docs/evaluation.md.</summary>
internal sealed record TrainingRow(string Id, string Task, JsonElement Messages, bool Unsafe, IReadOnlyList<string> Categories)
{
    /// <summary>Nobody says.</summary>
    public string Language { get; init; } = "unknown";

    /// <summary>Always the same.</summary>
    public string Source { get; init; } = "guardsharp-review";

    /// <summary>The operator's own rows.</summary>
    public string Licence { get; init; } = "own";

    /// <summary>False: a person said so.</summary>
    public bool WeakLabel { get; init; }

    /// <summary>The row of a decision that has content and a label.</summary>
    public static TrainingRow Of(StoredDecision decision)
    {
        var (row, label) = (decision.Row, decision.Label!);
        var truth = label.Correct == row.Unsafe;
        IReadOnlyList<string> categories = !truth ? [] : label.Categories ?? (label.Correct ? row.Categories : []);
        return new TrainingRow(row.Id, row.Task, JsonElement.Parse(row.Content!), truth, categories);
    }
}

/// <summary>How reviewers' answers and requests are written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(DecisionView))]
[JsonSerializable(typeof(DecisionPage))]
[JsonSerializable(typeof(LabelRequest))]
[JsonSerializable(typeof(LabelView))]
[JsonSerializable(typeof(GapReport))]
internal sealed partial class ReviewJson : JsonSerializerContext;

/// <summary>How training rows are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TrainingRow))]
internal sealed partial class TrainingJson : JsonSerializerContext;
