using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace GuardSharp.Engine;

/// <summary>What an engine tells the meter "GuardSharp": numbers, never content.</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Histogram<double> _queueWait;
    private readonly Histogram<int> _rows;
    private readonly Histogram<double> _passTime;
    private readonly Histogram<double> _readTime;
    private readonly Counter<long> _lookups;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _tiles;

    public EngineMetrics()
    {
        _queueWait = Meter.CreateHistogram<double>("guardsharp.queue.wait", "s", "How long a prompt waited before its first row was read.");
        _rows = Meter.CreateHistogram<int>("guardsharp.pass.rows", "{row}", "Rows of a forward pass.");
        _passTime = Meter.CreateHistogram<double>("guardsharp.pass.duration", "s", "Time of a forward pass.");
        _readTime = Meter.CreateHistogram<double>("guardsharp.prompt.duration", "s", "Time from a prompt's arrival in the queue until it is read.");
        _lookups = Meter.CreateCounter<long>("guardsharp.cache.lookups", "{lookup}", "Searches of a cache, by cache (policy, conversation, image) and result (hit, miss).");
        _tokens = Meter.CreateCounter<long>("guardsharp.tokens", "{token}", "Tokens of prompts, by source: computed, or cached by an earlier prompt.");
        _tiles = Meter.CreateCounter<long>("guardsharp.tiles", "{tile}", "Tiles of pictures that were encoded.");
    }

    /// <summary>The engine's own meter: several engines have meters of the same name.</summary>
    public Meter Meter { get; } = new("GuardSharp");

    /// <summary>Registers what is measured when a listener asks.</summary>
    /// <param name="queueDepth">Prompts that wait or are being read.</param>
    /// <param name="cacheBytes">Bytes by cache.</param>
    /// <param name="failedKernels">Kernels that failed their check.</param>
    public void Observe(Func<int> queueDepth, Func<IEnumerable<(string Cache, long Bytes)>> cacheBytes, Func<int> failedKernels)
    {
        Meter.CreateObservableGauge("guardsharp.kernels.failed", failedKernels, "{kernel}", "Computing kernels that failed their check; slower ones stand in.");
        Meter.CreateObservableGauge("guardsharp.queue.depth", queueDepth, "{prompt}", "Prompts that wait or are being read.");
        Meter.CreateObservableGauge(
            "guardsharp.cache.size",
            () => cacheBytes().Select(cache => new Measurement<long>(cache.Bytes, Tag("cache", cache.Cache))),
            "By",
            "Memory of keys, values and encoded pictures: live is all of it, conversation and image what is kept for later.");
    }

    public void QueueWait(TimeSpan time) => _queueWait.Record(time.TotalSeconds);

    public void PromptRead(TimeSpan time, int computed, int cached)
    {
        _readTime.Record(time.TotalSeconds);
        _tokens.Add(computed, Tag("source", "computed"));
        _tokens.Add(cached, Tag("source", "cached"));
    }

    public long Start() => _passTime.Enabled ? Stopwatch.GetTimestamp() : 0;

    public void Pass(int rows, long started)
    {
        _rows.Record(rows);
        if (started != 0)
        {
            _passTime.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
    }

    public void Tiles(int count) => _tiles.Add(count);

    public void PolicyLookup(bool hit) => Lookup("policy", hit);

    public void ConversationLookup(bool hit) => Lookup("conversation", hit);

    public void ImageLookup(bool hit) => Lookup("image", hit);

    public void Dispose() => Meter.Dispose();

    private static KeyValuePair<string, object?> Tag(string key, string value) => new(key, value);

    private void Lookup(string cache, bool hit) => _lookups.Add(1, Tag("cache", cache), Tag("result", hit ? "hit" : "miss"));
}
