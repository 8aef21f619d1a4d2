using System.Collections.Concurrent;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace GuardSharp.Server.Bulk;

/// <summary>One connection to the broker, from its opening to its loss: messages are judged, and acknowledged when their result is stored.</summary>
internal sealed partial class BulkSession : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _consuming;
    private readonly IChannel _publishing;
    private readonly IResultStore _results;
    private readonly BulkJudge _judge;
    private readonly WorkerOptions _options;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<ulong, Task> _underWay = new();
    private readonly SemaphoreSlim _acknowledging = new(1);
    private readonly TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _giveUp = new();

    private BulkSession(IConnection connection, (IChannel Consuming, IChannel Publishing) channels, IResultStore results, BulkJudge judge, WorkerOptions options, ILogger log)
    {
        (_connection, _results, _judge, _options, _log) = (connection, results, judge, options, log);
        (_consuming, _publishing) = channels;
    }

    /// <summary>Connects and prepares the queues.</summary>
    /// <param name="options">Broker and queues.</param>
    /// <param name="target">Where results go.</param>
    /// <param name="database">The store of results, if they do not go to the broker.</param>
    /// <param name="judge">Judges the messages.</param>
    /// <param name="log">The log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GuardException">The broker refuses, and will again.</exception>
    /// <exception cref="BrokerUnreachableException">It cannot be reached now.</exception>
    public static async Task<BulkSession> OpenAsync(
        WorkerOptions options, ResultTarget target, IResultStore? database, BulkJudge judge, ILogger log, CancellationToken cancellationToken)
    {
        var connection = await ConnectAsync(options, cancellationToken).ConfigureAwait(false);
        try
        {
            await BulkTopology.PrepareAsync(connection, options, target, cancellationToken).ConfigureAwait(false);
            var consuming = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            var publishing = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancellationToken).ConfigureAwait(false);
            var results = database ?? new BrokerResults(
                publishing, target.Kind == ResultKind.Exchange ? target.Name : "", target.Kind == ResultKind.Queue ? target.Name : options.Queue);
            return new BulkSession(connection, (consuming, publishing), results, judge, options, log);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Judges messages until it is told to stop; then finishes those under way.</summary>
    /// <param name="taking">Called when messages are taken.</param>
    /// <param name="stop">Tells it to stop.</param>
    /// <returns>True: it was told to stop. False: the broker is lost; what was under way comes back to some worker.</returns>
    public async Task<bool> RunAsync(Action taking, CancellationToken stop)
    {
        _connection.ConnectionShutdownAsync += (_, _) => Lose();
        _consuming.ChannelShutdownAsync += (_, _) => Lose();
        _publishing.ChannelShutdownAsync += (_, _) => Lose();
        await _consuming.BasicQosAsync(0, (ushort)_options.Prefetch, global: false, CancellationToken.None).ConfigureAwait(false);
        var tag = await _consuming.BasicConsumeAsync(_options.Queue, autoAck: false, new Subscription(this), CancellationToken.None).ConfigureAwait(false);
        taking();
        await _lost.Task.WaitAsync(stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
        if (_lost.Task.IsCompleted)
            return false;
        await DrainAsync(tag).ConfigureAwait(false);
        return true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _giveUp.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_underWay.Values).ConfigureAwait(false);
        try
        {
            // What is not acknowledged goes back to the queue.
            await _connection.CloseAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or AlreadyClosedException or OperationInterruptedException)
        {
            // It was lost before.
        }

        await _consuming.DisposeAsync().ConfigureAwait(false);
        await _publishing.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
        _acknowledging.Dispose();
        _giveUp.Dispose();
    }

    private static async Task<IConnection> ConnectAsync(WorkerOptions options, CancellationToken cancellationToken)
    {
        try
        {
            var factory = new ConnectionFactory
            {
                Uri = new Uri(options.Broker),
                ClientProvidedName = "guardsharp worker",
                // A session ends with its connection: what was under way must not be acknowledged on another one.
                AutomaticRecoveryEnabled = false,
                RequestedHeartbeat = TimeSpan.FromSeconds(20),
            };
            return await factory.CreateConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (error is UriFormatException or ArgumentException)
        {
            // The address holds a password: it is not repeated.
            throw new GuardException($"{WorkerOptions.Section}:Broker is no address of a broker, such as amqp://user:password@host:5672/vhost.", error);
        }
        catch (BrokerUnreachableException error) when (error.InnerException is AuthenticationFailureException or PossibleAuthenticationFailureException)
        {
            throw new GuardException("The broker does not accept the user or password of its address.", error);
        }
    }

    private Task Lose()
    {
        _lost.TrySetResult();
        return Task.CompletedTask;
    }

    private async Task DrainAsync(string tag)
    {
        try
        {
            await _consuming.BasicCancelAsync(tag, noWait: false, CancellationToken.None).ConfigureAwait(false);
            Draining(_log, _underWay.Count);
            await Task.WhenAll(_underWay.Values).WaitAsync(TimeSpan.FromSeconds(_options.DrainSeconds)).ConfigureAwait(false);
        }
        catch (Exception error) when (error is TimeoutException or AlreadyClosedException or OperationInterruptedException)
        {
            GivenBack(_log, _underWay.Count);
        }
    }

    // Returns at once: the next message is taken while this one is judged, up to the prefetch.
    private void Take(ulong tag, byte[] body, string? messageId, bool redelivered)
    {
        var handling = Task.Run(() => HandleAsync(tag, body, messageId, redelivered), CancellationToken.None);
        _underWay[tag] = handling;
        handling.ContinueWith(_ => _underWay.TryRemove(tag, out Task? _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private async Task HandleAsync(ulong tag, byte[] body, string? messageId, bool redelivered)
    {
        try
        {
            // Its last worker may have died between storing the result and saying so.
            var outcome = await _judge.JudgeAsync(body, redelivered ? _results : null, _giveUp.Token).ConfigureAwait(false);
            if (outcome.Result is { } result)
                await _results.StoreAsync(result, _giveUp.Token).ConfigureAwait(false);
            else if (outcome.Failure is { } failure)
                await BuryAsync(body, outcome.Id ?? messageId ?? "", failure).ConfigureAwait(false);
            await AcknowledgeAsync(tag).ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or AlreadyClosedException or OperationInterruptedException or IOException)
        {
            // Not acknowledged: the broker gives the message to some worker again.
        }
        catch (Exception error)
        {
            // A result or dead letter that the broker does not take: going on would lose it.
            NotTaken(_log, error);
            await Lose().ConfigureAwait(false);
        }
    }

    private async Task BuryAsync(byte[] body, string id, ApiException failure)
    {
        var properties = new BasicProperties
        {
            MessageId = id,
            DeliveryMode = DeliveryModes.Persistent,
            Headers = new Dictionary<string, object?>
            {
                ["x-guard-reason"] = failure.Code ?? "invalid_message",
                ["x-guard-message"] = failure.Message,
                ["x-guard-queue"] = _options.Queue,
            },
        };
        await _publishing.BasicPublishAsync("", _options.DeadLetters, mandatory: true, properties, body, _giveUp.Token).ConfigureAwait(false);
    }

    private async Task AcknowledgeAsync(ulong tag)
    {
        await _acknowledging.WaitAsync(_giveUp.Token).ConfigureAwait(false);
        try
        {
            await _consuming.BasicAckAsync(tag, multiple: false, _giveUp.Token).ConfigureAwait(false);
        }
        finally
        {
            _acknowledging.Release();
        }
    }

    private sealed class Subscription(BulkSession session) : AsyncDefaultBasicConsumer(session._consuming)
    {
        public override Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey, IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
        {
            // The client uses the buffer again.
            session.Take(deliveryTag, body.ToArray(), properties.MessageId, redelivered);
            return Task.CompletedTask;
        }

        /// <summary>The broker ends a subscription whose queue is deleted or moves to another node.</summary>
        public override Task HandleBasicCancelAsync(string consumerTag, CancellationToken cancellationToken = default) => session.Lose();
    }

    [LoggerMessage(LogLevel.Information, "Stopping: {Count} messages under way are finished first.")]
    private static partial void Draining(ILogger log, int count);

    [LoggerMessage(LogLevel.Warning, "{Count} messages could not be finished in time and go back to the queue.")]
    private static partial void GivenBack(ILogger log, int count);

    [LoggerMessage(LogLevel.Error, "The broker did not take a result or dead letter; its message goes back to the queue.")]
    private static partial void NotTaken(ILogger log, Exception error);
}
