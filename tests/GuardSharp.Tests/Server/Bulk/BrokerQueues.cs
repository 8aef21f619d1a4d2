using System.Text;
using RabbitMQ.Client;

namespace GuardSharp.Tests.Server.Bulk;

/// <summary>Queues of one test, named so that no other test's worker sees them.</summary>
internal sealed class BrokerQueues : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;

    private BrokerQueues(string address, IConnection connection, IChannel channel) => (Address, _connection, _channel) = (address, connection, channel);

    public string Address { get; }

    public string Work { get; } = $"work-{Guid.NewGuid():n}";

    public string Results { get; } = $"results-{Guid.NewGuid():n}";

    public string Dead { get; } = $"dead-{Guid.NewGuid():n}";

    public static async Task<BrokerQueues> OpenAsync(RabbitBroker broker)
    {
        var address = broker.Address;
        var connection = await broker.ConnectAsync();
        return new BrokerQueues(address, connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true)));
    }

    /// <summary>The worker's configuration.</summary>
    public Dictionary<string, string?> Settings(params (string Key, string? Value)[] more)
    {
        var settings = new Dictionary<string, string?>
        {
            ["GuardSharp:Worker:Broker"] = Address,
            ["GuardSharp:Worker:Queue"] = Work,
            ["GuardSharp:Worker:DeadLetters"] = Dead,
            ["GuardSharp:Worker:Results"] = $"queue:{Results}",
        };
        foreach (var (key, value) in more)
            settings[key] = value;
        return settings;
    }

    public async Task PublishAsync(string body) =>
        await _channel.BasicPublishAsync("", Work, mandatory: true, new BasicProperties { DeliveryMode = DeliveryModes.Persistent, MessageId = "of-the-publisher" }, Encoding.UTF8.GetBytes(body));

    /// <summary>The next message of a queue, waited for.</summary>
    public async Task<BasicGetResult> TakeAsync(string queue)
    {
        while (true)
        {
            if (await _channel.BasicGetAsync(queue, autoAck: true, TestContext.Current.CancellationToken) is { } message)
                return message;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    public async Task<uint> CountAsync(string queue) => (await _channel.QueueDeclarePassiveAsync(queue)).MessageCount;

    public async Task DeleteAsync(string queue) => await _channel.QueueDeleteAsync(queue);

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
