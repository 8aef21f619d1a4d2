using System.Diagnostics;
using System.Diagnostics.Metrics;
using GuardSharp.Server.Telemetry;

namespace GuardSharp.Server.Audit;

/// <summary>What the audit tells the meter "GuardSharp.Server": numbers, never content.</summary>
internal sealed class AuditMetrics
{
    private readonly Counter<long> _decisions;
    private readonly Counter<long> _missing;
    private readonly Histogram<double> _commit;
    private readonly Histogram<int> _batch;
    private readonly Meter _meter;

    /// <param name="meters">Makes meters.</param>
    public AuditMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(TelemetryNames.Meter);
        _decisions = _meter.CreateCounter<long>("guardsharp.audit.decisions", "{decision}", "Decisions by outcome: stored, spilled (on disk until the store is back), replayed (stored from there), dropped (lost), refused (not recorded, so not answered).");
        _missing = _meter.CreateCounter<long>("guardsharp.audit.missing", "{decision}", "Decisions found missing between numbers of a run.");
        _commit = _meter.CreateHistogram<double>("guardsharp.audit.commit.duration", "s", "Time of a commit.");
        _batch = _meter.CreateHistogram<int>("guardsharp.audit.batch.size", "{decision}", "Decisions of a commit.");
    }

    /// <summary>Registers what is measured when a listener asks.</summary>
    /// <param name="pending">Decisions that wait in memory.</param>
    /// <param name="spillBytes">Bytes that wait on disk.</param>
    /// <param name="away">1 while the store is away.</param>
    public void Observe(Func<int> pending, Func<long> spillBytes, Func<int> away)
    {
        // A counter that first shows with its first loss has no rate at that moment.
        _missing.Add(0);
        _meter.CreateObservableGauge("guardsharp.audit.pending", pending, "{decision}", "Decisions that wait in memory for the next commit.");
        _meter.CreateObservableGauge("guardsharp.audit.spill.size", spillBytes, "By", "Decisions that wait on disk for the store.");
        _meter.CreateObservableGauge("guardsharp.audit.store.away", away, "1", "1 while the store is away.");
    }

    /// <summary>A batch that is in the store.</summary>
    public void Committed(int rows, long started, string outcome)
    {
        _commit.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        _batch.Record(rows);
        Count(rows, outcome);
    }

    /// <summary>Decisions that had an outcome.</summary>
    public void Count(int rows, string outcome)
    {
        if (rows > 0)
        {
            _decisions.Add(rows, new KeyValuePair<string, object?>("outcome", outcome));
        }
    }

    /// <summary>Decisions found missing.</summary>
    public void Missing(long count) => _missing.Add(count);
}
