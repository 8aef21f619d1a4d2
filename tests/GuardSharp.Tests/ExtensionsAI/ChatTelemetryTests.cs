using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Tests.ExtensionsAI;

/// <summary>What is measured, traced and logged: numbers and codes, and never a word of the chat.</summary>
public sealed class ChatTelemetryTests
{
    private const string Secret = "xyzzy";

    [Fact]
    public async Task Blocks_failures_and_openings_are_counted_by_stage_and_reason()
    {
        var counted = new ConcurrentBag<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == GuardTelemetry.MeterName && instrument.Name.StartsWith("guardsharp.chat.", StringComparison.Ordinal))
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => counted.Add($"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))}"));
        listener.Start();

        await AskAsync(FakeGuard.ThatRefuses(Secret), new());
        await AskAsync(new FakeGuard(_ => throw new IOException(Secret)), new());
        await AskAsync(new FakeGuard(_ => throw new IOException(Secret)), new() { FailOpen = true });

        // Other tests count at the same time: these are among the counts.
        string[] expected =
        [
            "guardsharp.chat.judgements input unsafe", "guardsharp.chat.blocked input unsafe", "guardsharp.chat.judgements input error",
            "guardsharp.chat.blocked input guard-error", "guardsharp.chat.failed_open input guard-error", "guardsharp.chat.failed_open output guard-error",
        ];
        Assert.Empty(expected.Except(counted));
        Assert.DoesNotContain(counted, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Traces_and_logs_tell_the_verdict_and_none_of_the_chat()
    {
        var traced = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == GuardTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = traced.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var root = new Activity("test").Start();
        var log = new KeptLog();
        await AskAsync(FakeGuard.ThatRefuses(Secret), new(), log);
        await AskAsync(new FakeGuard(_ => throw new IOException(Secret)), new() { FailOpen = true }, log);
        root.Stop();

        var mine = traced.Where(activity => activity.TraceId == root.TraceId).ToList();
        var judged = Assert.Single(mine, activity => Equals(activity.GetTagItem(GuardTelemetry.ResultAttribute), "unsafe"));
        Assert.Equal((GuardTelemetry.JudgementActivity, "S1", 0.9), (judged.OperationName, judged.GetTagItem(GuardTelemetry.CategoriesAttribute), judged.GetTagItem(GuardTelemetry.ProbabilityAttribute)));
        Assert.DoesNotContain(mine.SelectMany(activity => activity.TagObjects), tag => tag.Value?.ToString()?.Contains(Secret, StringComparison.Ordinal) == true);
        Assert.Contains(log.Lines, line => line.Contains("S1", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.Contains("UNJUDGED", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    private static async Task AskAsync(FakeGuard guard, GuardedChatOptions options, ILogger<GuardedChatClient>? log = null)
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("fine"), guard, options, log);
        await client.GetResponseAsync(Secret);
    }

    private sealed class KeptLog : ILogger<GuardedChatClient>
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception) + exception);
    }
}
