using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Bulk;
using GuardSharp.Server.Guards;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace GuardSharp.Tests.Server.Bulk;

/// <summary>A worker in this process against a real broker, with a guard that does what a test says.</summary>
public sealed class BulkWorkerTests(RabbitBroker broker) : IClassFixture<RabbitBroker>
{
    [Fact]
    public async Task A_message_becomes_one_result_of_its_id()
    {
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(), Unsafe);
        await queues.PublishAsync("""{"id":"a1","messages":[{"role":"user","content":"hello"}],"threshold":0.4,"policy":{"name":"own","categories":["S1"]}}""");
        await queues.PublishAsync("""{"id":"a2","input":"hello"}""");
        var results = new[] { await queues.TakeAsync(queues.Results), await queues.TakeAsync(queues.Results) }.ToDictionary(result => result.BasicProperties.MessageId!);
        using var first = JsonDocument.Parse(results["a1"].Body);
        Assert.Equal("a1", first.RootElement.GetProperty("id").GetString());
        Assert.True(first.RootElement.GetProperty("verdict").GetProperty("unsafe").GetBoolean());
        Assert.Contains("a2", results.Keys);
        Assert.Equal([0.4, null], worker.Options.Select(options => options!.Threshold).Order().Reverse());
        await worker.StopAsync();
        Assert.Equal((0u, 0u), (await queues.CountAsync(queues.Work), await queues.CountAsync(queues.Dead)));
    }

    [Theory]
    [InlineData("my secret text", "invalid_json")]
    [InlineData("[]", "invalid_json")]
    [InlineData("""{"messages":[{"role":"user","content":"my secret text"}]}""", "invalid_message")]
    [InlineData("""{"id":"x","input":"my secret text","text":"y"}""", "unknown_parameter")]
    [InlineData("""{"id":"x","input":"my secret text","messages":[]}""", "invalid_message")]
    [InlineData("""{"id":"x","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,???"}}]}]}""", "invalid_image")]
    [InlineData("""{"id":"x","messages":[{"role":"nobody","content":"my secret text"}]}""", "invalid_conversation")]
    [InlineData("""{"id":"x","input":"my secret text","policy":"unheard of"}""", "policy_not_found")]
    [InlineData("""{"id":"x","input":"my secret text","model":"unheard of"}""", "model_not_found")]
    [InlineData("""{"id":"x","input":"too long"}""", "context_length_exceeded")]
    [InlineData("""{"id":"x","input":"broken"}""", "internal_error")]
    public async Task What_cannot_be_judged_becomes_a_dead_letter_with_its_reason(string body, string reason)
    {
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(), (conversation, options, token) => Text(conversation) switch
        {
            "too long" => throw new ContextOverflowException(20, 10),
            "broken" => throw new InvalidOperationException("something nobody foresaw"),
            _ => Unsafe(conversation, options, token),
        });
        await queues.PublishAsync(body);
        var dead = await queues.TakeAsync(queues.Dead);
        Assert.Equal(body, Encoding.UTF8.GetString(dead.Body.Span));
        Assert.Equal(reason, Header(dead, "x-guard-reason"));
        Assert.DoesNotContain("secret", Header(dead, "x-guard-message"), StringComparison.Ordinal);
        await worker.StopAsync();
        Assert.Equal((0u, 0u), (await queues.CountAsync(queues.Work), await queues.CountAsync(queues.Results)));
        Assert.DoesNotContain(worker.Log, line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_message_waits_for_a_guard_that_has_too_much_to_do()
    {
        var asked = 0;
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(), (conversation, options, token) =>
            Interlocked.Increment(ref asked) < 3 ? throw new QueueFullException(1) : Unsafe(conversation, options, token));
        await queues.PublishAsync("""{"id":"w","input":"hello"}""");
        Assert.Equal("w", (await queues.TakeAsync(queues.Results)).BasicProperties.MessageId);
        Assert.Equal(3, asked);
        Assert.Equal(0u, await queues.CountAsync(queues.Dead));
    }

    [Fact]
    public async Task A_worker_takes_no_more_than_its_prefetch()
    {
        using var gate = new SemaphoreSlim(0);
        var begun = 0;
        var both = new TaskCompletionSource();
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(("GuardSharp:Worker:Prefetch", "2")), async (conversation, options, token) =>
        {
            if (Interlocked.Increment(ref begun) == 2)
                both.TrySetResult();
            await gate.WaitAsync(token);
            return await Unsafe(conversation, options, token);
        });
        for (var i = 0; i < 6; i++)
            await queues.PublishAsync($$"""{"id":"p{{i}}","input":"hello"}""");
        await both.Task.WaitAsync(TestContext.Current.CancellationToken);
        // Ready for others: what a worker holds is not among them.
        while (await queues.CountAsync(queues.Work) != 4)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Equal(2, begun);
        gate.Release(6);
        HashSet<string?> ids = [];
        while (ids.Count < 6)
            ids.Add((await queues.TakeAsync(queues.Results)).BasicProperties.MessageId);
    }

    [Fact]
    public async Task A_worker_that_is_told_to_stop_finishes_what_it_has_begun()
    {
        using var gate = new SemaphoreSlim(0);
        var begun = new TaskCompletionSource();
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(), async (conversation, options, token) =>
        {
            begun.TrySetResult();
            await gate.WaitAsync(token);
            return await Unsafe(conversation, options, token);
        });
        await queues.PublishAsync("""{"id":"d","input":"hello"}""");
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);
        var stopped = worker.StopAsync();
        gate.Release();
        await stopped;
        Assert.Equal("d", (await queues.TakeAsync(queues.Results)).BasicProperties.MessageId);
        Assert.Equal(0u, await queues.CountAsync(queues.Work));
    }

    [Fact]
    public async Task What_is_not_finished_in_time_goes_back_to_the_queue()
    {
        var begun = new TaskCompletionSource();
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(("GuardSharp:Worker:DrainSeconds", "0")), async (_, _, token) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
            return ScriptedGuard.Verdict();
        });
        await queues.PublishAsync("""{"id":"b","input":"hello"}""");
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);
        await worker.StopAsync();
        Assert.True((await queues.TakeAsync(queues.Work)).Redelivered);
    }

    [Fact]
    public async Task A_worker_whose_queue_is_taken_away_comes_back()
    {
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(), Unsafe);
        await queues.DeleteAsync(queues.Work);
        while (worker.Log.Count(line => line.Contains("Taking messages", StringComparison.Ordinal)) < 2)
            await worker.LiveAsync();
        await queues.PublishAsync("""{"id":"r","input":"hello"}""");
        Assert.Equal("r", (await queues.TakeAsync(queues.Results)).BasicProperties.MessageId);
    }

    [Fact]
    public async Task A_table_keeps_the_first_result_of_an_id()
    {
        using var folder = new TemporaryFolder();
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using var worker = await RunningWorker.StartAsync(queues.Settings(("GuardSharp:Worker:Results", $"sqlite:{folder["results.db"]}"), ("GuardSharp:Worker:Prefetch", "1")), Unsafe);
        await queues.PublishAsync("""{"id":"t1","input":"first"}""");
        await queues.PublishAsync("""{"id":"t1","input":"second"}""");
        await queues.PublishAsync("""{"id":"t2","input":"third"}""");
        while (worker.Options.Count < 3)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        await worker.StopAsync();
        Assert.Equal(["t1", "t2"], BulkResultTable.Read(folder["results.db"]).Keys.Order());
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_queue_of_other_arguments_is_an_error_that_says_so()
    {
        await using var queues = await BrokerQueues.OpenAsync(broker);
        await using (var connection = await broker.ConnectAsync())
        await using (var channel = await connection.CreateChannelAsync())
            await channel.QueueDeclareAsync(queues.Work, durable: true, exclusive: false, autoDelete: false);
        var error = await Assert.ThrowsAsync<GuardException>(() => RunningWorker.StartAsync(queues.Settings(), Unsafe));
        Assert.Contains("other arguments", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GuardSharp:Worker:Broker", "localhost")]
    [InlineData("GuardSharp:Worker:Broker", "amqp://guest:wrong@127.0.0.1:{port}/")]
    [InlineData("GuardSharp:Worker:Results", "nowhere")]
    [InlineData("GuardSharp:Worker:Prefetch", "0")]
    [InlineData("GuardSharp:Worker:Prefect", "1")]
    public async Task Configuration_that_cannot_be_used_is_an_error(string key, string value)
    {
        await using var queues = await BrokerQueues.OpenAsync(broker);
        var port = new Uri(queues.Address).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var error = await Assert.ThrowsAsync<GuardException>(() => RunningWorker.StartAsync(queues.Settings((key, value.Replace("{port}", port, StringComparison.Ordinal))), Unsafe));
        Assert.DoesNotContain("wrong", error.Message, StringComparison.Ordinal);
    }

    private static Task<GuardSharp.Policies.Verdict> Unsafe(Conversation conversation, ClassifyOptions? options, CancellationToken token) => Task.FromResult(ScriptedGuard.Verdict(0.9));

    private static string Text(Conversation conversation) => ((TextPart)conversation.Turns[^1].Parts[0]).Text;

    private static string Header(BasicGetResult message, string name) => Encoding.UTF8.GetString((byte[])message.BasicProperties.Headers![name]!);

    /// <summary>A worker that runs beside the test.</summary>
    private sealed class RunningWorker : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly LogLines _lines = new();
        private Task _run = Task.CompletedTask;
        private ILoggerFactory? _logs;

        public ConcurrentQueue<ClassifyOptions?> Options { get; } = new();

        public IReadOnlyCollection<string> Log => _lines.Lines;

        public static async Task<RunningWorker> StartAsync(Dictionary<string, string?> settings, Func<Conversation, ClassifyOptions?, CancellationToken, Task<GuardSharp.Policies.Verdict>> classify)
        {
            var running = new RunningWorker();
            var guard = new ScriptedGuard((conversation, options, token) =>
            {
                running.Options.Enqueue(options);
                return classify(conversation, options, token);
            });
            var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
            var ready = new TaskCompletionSource();
            running._logs = LoggerFactory.Create(logging => logging.AddProvider(running._lines).SetMinimumLevel(LogLevel.Trace));
            running._run = new BulkWorker(configuration, running._logs, new OneGuard(guard)).RunAsync(ready.SetResult, running._stop.Token);
            await await Task.WhenAny(ready.Task, running._run);
            return running;
        }

        /// <summary>Lets a moment pass; fails if the worker ended.</summary>
        public async Task LiveAsync()
        {
            await Task.WhenAny(_run, Task.Delay(20, TestContext.Current.CancellationToken));
            if (_run.IsCompleted)
                await _run;
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _run;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _logs?.Dispose();
            _stop.Dispose();
        }
    }

    private sealed class OneGuard(IGuard guard) : IGuardLoader
    {
        public IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken) => [new NamedGuard("scripted", guard)];
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
