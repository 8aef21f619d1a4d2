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

    private readonly KeyValuePair<string, object?>[] _model;
    private readonly KeyValuePair<string, object?>[] _computed;
    private readonly KeyValuePair<string, object?>[] _cached;

    /// <param name="model">The model's name, a label of every number; empty: none. Engines of one process have one meter's name and are told apart by it.</param>
    public EngineMetrics(string model)
    {
        _model = model.Length > 0 ? [Tag("model", model)] : [];
        _computed = [Tag("source", "computed"), .. _model];
        _cached = [Tag("source", "cached"), .. _model];
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
    /// <param name="queueWork">Their tokens.</param>
    /// <param name="cacheBytes">Bytes by cache.</param>
    /// <param name="failedKernels">Kernels that failed their check.</param>
    public void Observe(Func<int> queueDepth, Func<long> queueWork, Func<IEnumerable<(string Cache, long Bytes)>> cacheBytes, Func<int> failedKernels)
    {
        Meter.CreateObservableGauge("guardsharp.kernels.failed", () => Of(failedKernels()), "{kernel}", "Computing kernels that failed their check; slower ones stand in.");
        Meter.CreateObservableGauge("guardsharp.queue.depth", () => Of(queueDepth()), "{prompt}", "Prompts that wait or are being read.");
        Meter.CreateObservableGauge("guardsharp.queue.tokens", () => Of(queueWork()), "{token}", $"Their tokens; a tile of a picture counts as {Admission.TokensPerTile} more.");
        Meter.CreateObservableGauge(
            "guardsharp.cache.size",
            () => cacheBytes().Select(cache => new Measurement<long>(cache.Bytes, [Tag("cache", cache.Cache), .. _model])),
            "By",
            "Memory of keys, values and encoded pictures: live is all of it, conversation and image what is kept for later.");
    }

    public void QueueWait(TimeSpan time) => _queueWait.Record(time.TotalSeconds, _model);

    public void PromptRead(TimeSpan time, int computed, int cached)
    {
        _readTime.Record(time.TotalSeconds, _model);
        _tokens.Add(computed, _computed);
        _tokens.Add(cached, _cached);
    }

    public long Start() => _passTime.Enabled ? Stopwatch.GetTimestamp() : 0;

    public void Pass(int rows, long started)
    {
        _rows.Record(rows, _model);
        if (started != 0)
        {
            _passTime.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, _model);
        }
    }

    public void Tiles(int count) => _tiles.Add(count, _model);

    public void PolicyLookup(bool hit) => Lookup("policy", hit);

    public void ConversationLookup(bool hit) => Lookup("conversation", hit);

    public void ImageLookup(bool hit) => Lookup("image", hit);

    public void Dispose() => Meter.Dispose();

    private Measurement<T> Of<T>(T value)
        where T : struct => new(value, _model);

    private static KeyValuePair<string, object?> Tag(string key, string value) => new(key, value);

    private void Lookup(string cache, bool hit) => _lookups.Add(1, [Tag("cache", cache), Tag("result", hit ? "hit" : "miss"), .. _model]);
}
