using System.Diagnostics;
using System.Diagnostics.Metrics;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Telemetry;

/// <summary>What the server tells of its verdicts: counts, times, spans, log lines. Labels come from configuration or from short fixed lists, so their number is bounded.</summary>
/// <remarks>Content is in none of them, but for log lines at Debug where <see cref="ServerOptions.LogContent"/> says so.</remarks>
internal sealed partial class VerdictTelemetry
{
    private readonly ActivitySource _spans;
    private readonly ILogger _log;
    private readonly bool _logContent;
    private readonly Counter<long> _verdicts;
    private readonly Counter<long> _violations;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _errors;
    private readonly Histogram<double> _duration;

    public VerdictTelemetry(IMeterFactory meters, ActivitySource spans, Readiness readiness, IOptions<ServerOptions> options, ILogger<VerdictTelemetry> log)
    {
        (_spans, _log, _logContent) = (spans, log, options.Value.LogContent);
        var meter = meters.Create(TelemetryNames.Meter);
        _verdicts = meter.CreateCounter<long>("guardsharp.server.verdicts", "{verdict}", "Verdicts given, by task, model and verdict (safe, unsafe).");
        _violations = meter.CreateCounter<long>("guardsharp.server.violations", "{violation}", "Violated categories of verdicts, by category, task and model.");
        _refusals = meter.CreateCounter<long>("guardsharp.server.refusals", "{request}", "Requests and entries of batches that were asked to come again later, by the error's code.");
        _errors = meter.CreateCounter<long>("guardsharp.server.errors", "{error}", "Requests and entries of batches that got no verdict, by the error's code.");
        _duration = meter.CreateHistogram<double>("guardsharp.server.verdict.duration", "s", "From a conversation's arrival to its recorded verdict, by task and model.");
        meter.CreateObservableGauge("guardsharp.server.ready", () => readiness.State == ServerState.Ready ? 1 : 0, description: "1 while the server takes work, 0 while it loads or drains.");
    }

    /// <summary>Begins the span of a verdict; null where nobody listens.</summary>
    public Activity? Begin() => _spans.StartActivity(TelemetryNames.VerdictSpan);

    /// <summary>A verdict was given.</summary>
    public void Judged(JudgeRequest request, Judgement judgement, TimeSpan time, Activity? span)
    {
        var verdict = judgement.Verdict;
        var (task, model) = (VerdictBody.TaskName(verdict.Task), verdict.Model);
        var word = verdict.Unsafe ? "unsafe" : "safe";
        var (taskTag, modelTag) = (Tag(TelemetryNames.Task, task), Tag(TelemetryNames.Model, model));
        _verdicts.Add(1, taskTag, modelTag, Tag(TelemetryNames.Verdict, word));
        _duration.Record(time.TotalSeconds, taskTag, modelTag);
        foreach (var code in verdict.Categories)
        {
            // Policies of requests may have any number of codes of their own.
            _violations.Add(1, Tag(TelemetryNames.Category, HazardTaxonomy.Find(code) is null ? "custom" : code), taskTag, modelTag);
        }

        span?.SetTag(TelemetryNames.Task, task).SetTag(TelemetryNames.Model, model).SetTag(TelemetryNames.Verdict, word).SetTag(TelemetryNames.Endpoint, request.Endpoint)
            .SetTag(TelemetryNames.Policy, verdict.PolicyVersion).SetTag(TelemetryNames.Tokens, verdict.PromptTokens).SetTag(TelemetryNames.Queued, verdict.Queued.TotalSeconds);
        if (_log.IsEnabled(LogLevel.Debug))
        {
            Verdict(_log, judgement.Id, request.Endpoint, request.Caller.Name, task, word, verdict.PolicyVersion, _logContent ? TextOf(request.Conversation) : "(not logged)");
        }
    }

    /// <summary>A request or an entry of a batch got an error in place of a verdict.</summary>
    public void Failed(ApiException error) =>
        (error.RetryAfter is null ? _errors : _refusals).Add(1, Tag(TelemetryNames.Error, error.Code ?? error.Type));

    /// <summary>An entry of a batch failed in a way that no client could know of.</summary>
    public void Unexpected(Exception error, string requestId) => EntryFailed(_log, error, requestId);

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private static string TextOf(Conversation conversation) => string.Join(
        ' ', conversation.Turns.Select(turn => $"{turn.Role}: {string.Join(' ', turn.Parts.Select(part => part is TextPart text ? text.Text : part is ImagePart ? "(picture)" : "(tool call)"))}"));

    [LoggerMessage(LogLevel.Debug, "{Id} {Endpoint} {Caller} {Task} {Verdict} {Policy} {Content}")]
    private static partial void Verdict(ILogger log, string id, string endpoint, string caller, string task, string verdict, string policy, string content);

    [LoggerMessage(LogLevel.Error, "An entry of request {RequestId} failed.")]
    private static partial void EntryFailed(ILogger log, Exception error, string requestId);
}
