using System.Diagnostics;
using System.Diagnostics.Metrics;
using GuardSharp.Policies;
using Microsoft.Extensions.Logging;
using Names = GuardSharp.Extensions.AI.GuardTelemetry;

namespace GuardSharp.Extensions.AI.Telemetry;

/// <summary>What a guarded chat tells meters, traces and logs: numbers, codes and names, never content.</summary>
/// <remarks>Instruments are the process's: a client may be made for each request, a meter may not.</remarks>
internal sealed class ChatTelemetry(ILogger logger)
{
    private static readonly Meter _meter = new(Names.MeterName);
    private static readonly ActivitySource _source = new(Names.ActivitySourceName);
    private static readonly Counter<long> _judgements = _meter.CreateCounter<long>(Names.JudgementsInstrument, "{judgement}", "Judgements of chats.");
    private static readonly Counter<long> _blocked = _meter.CreateCounter<long>(Names.BlockedInstrument, "{chat}", "Chats that were blocked.");
    private static readonly Counter<long> _failedOpen = _meter.CreateCounter<long>(Names.FailedOpenInstrument, "{judgement}", "Judgements that failed and let content pass unjudged.");
    private static readonly Histogram<double> _duration = _meter.CreateHistogram<double>(Names.DurationInstrument, "s", "Time of a judgement.");

    /// <summary>Begins to measure a judgement.</summary>
    public Measurement Start(GuardStage stage) => new(logger, stage);

    /// <summary>Something was blocked.</summary>
    public void Blocked(BlockedChat block)
    {
        _blocked.Add(1, new(Names.StageAttribute, GuardProperties.NameOf(block.Stage)), new(Names.ReasonAttribute, GuardProperties.NameOf(block.Reason)));
        if (block.Verdict is { } verdict)
            ChatLog.BlockedUnsafe(logger, block.Stage, verdict.UnsafeProbability, verdict.Threshold, string.Join(',', verdict.Categories), verdict.Model, verdict.PolicyVersion);
        else
            ChatLog.BlockedUnjudged(logger, block.Stage, GuardProperties.NameOf(block.Reason), block.Error is null ? "" : Describe(block.Error));
    }

    // Errors of ours hold no user text; of others nobody knows, so their kind must do.
    private static string Describe(Exception error) => error is GuardException ? error.Message : error.GetType().Name;

    /// <summary>One judgement while it is measured.</summary>
    internal sealed class Measurement : IDisposable
    {
        private readonly ILogger _logger;
        private readonly KeyValuePair<string, object?> _stage;
        private readonly Activity? _activity;
        private readonly long _started = Stopwatch.GetTimestamp();
        private readonly GuardStage _side;

        public Measurement(ILogger logger, GuardStage stage)
        {
            _logger = logger;
            _side = stage;
            _stage = new(Names.StageAttribute, GuardProperties.NameOf(stage));
            _activity = _source.StartActivity(Names.JudgementActivity);
            _activity?.SetTag(_stage.Key, _stage.Value);
        }

        public void Judged(Verdict verdict)
        {
            Count(verdict.Unsafe ? "unsafe" : "safe");
            _activity?.SetTag(Names.ModelAttribute, verdict.Model)
                .SetTag(Names.PolicyAttribute, verdict.PolicyVersion)
                .SetTag(Names.CategoriesAttribute, string.Join(',', verdict.Categories))
                .SetTag(Names.ProbabilityAttribute, verdict.UnsafeProbability);
        }

        public void Failed(BlockReason reason, bool opened, Exception error)
        {
            Count("error");
            _activity?.SetStatus(ActivityStatusCode.Error, error.GetType().Name);
            if (!opened)
                return;
            _failedOpen.Add(1, _stage, new(Names.ReasonAttribute, GuardProperties.NameOf(reason)));
            ChatLog.FailedOpen(_logger, _side, GuardProperties.NameOf(reason), Describe(error));
        }

        public void Dispose()
        {
            _duration.Record(Stopwatch.GetElapsedTime(_started).TotalSeconds, _stage);
            _activity?.Dispose();
        }

        private void Count(string result)
        {
            _judgements.Add(1, _stage, new(Names.ResultAttribute, result));
            _activity?.SetTag(Names.ResultAttribute, result);
        }
    }
}
