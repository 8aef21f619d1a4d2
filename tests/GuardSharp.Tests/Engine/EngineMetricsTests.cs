using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

public class EngineMetricsTests
{
    [Fact]
    public async Task The_meter_counts_tokens_passes_tiles_and_caches_and_nothing_of_their_content()
    {
        using var model = EngineModel.Open("llama4-tiny");
        var (engine, _) = model.Start(new EngineOptions { ConversationCacheBytes = 1 << 24, ImageCacheBytes = 1 << 24 });
        using var running = engine;
        var seen = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            // Other tests run engines at the same time; each engine has a meter of its own.
            if (ReferenceEquals(instrument.Meter, engine.Metrics.Meter))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value > 0 ? 1 : 0, tags));
        listener.Start();

        var picture = model.Picture(1);
        var prompt = new EncodedPrompt([9, 8, 7], [5, .. model.IdsOf(picture), 6, 5], [picture]);
        for (var i = 0; i < 2; i++)
        {
            using var session = await engine.ReadAsync(prompt, TestContext.Current.CancellationToken);
        }

        for (var i = 0; i < 500 && seen.GetValueOrDefault("guardsharp.cache.size cache=image") == 0; i++)
        {
            listener.RecordObservableInstruments();
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        var rest = prompt.Rest.Length;
        Assert.Equal(rest + 1, seen["guardsharp.tokens source=computed"]);
        Assert.Equal(3 + prompt.Length - 1, seen["guardsharp.tokens source=cached"]);
        Assert.Equal(3 + rest + 1, seen["guardsharp.pass.rows"]);
        Assert.Equal(1, seen["guardsharp.tiles"]);
        foreach (var cache in (string[])["policy", "conversation", "image"])
        {
            Assert.Equal((1, 1), (seen[$"guardsharp.cache.lookups cache={cache} result=hit"], seen[$"guardsharp.cache.lookups cache={cache} result=miss"]));
        }

        Assert.Equal((2, 3, 2), (seen["guardsharp.queue.wait"], seen["guardsharp.pass.duration"], seen["guardsharp.prompt.duration"]));
        Assert.Equal(0, seen["guardsharp.queue.depth"]);
        Assert.True(seen["guardsharp.cache.size cache=live"] >= seen["guardsharp.cache.size cache=image"] + seen["guardsharp.cache.size cache=conversation"]);

        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var name = string.Join(' ', (string[])[instrument.Name, .. tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}")]);
            seen.AddOrUpdate(name, value, (_, before) => instrument.IsObservable ? value : before + value);
        }
    }
}
