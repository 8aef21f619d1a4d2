using RabbitMQ.Client;

namespace GuardSharp.Server.Bulk;

/// <summary>Results to a queue or exchange of the broker that the messages come from. Stored when the broker has confirmed them.</summary>
/// <remarks>A message whose worker dies between confirmation and acknowledgement is judged and published again: readers keep results by id (the property message-id).</remarks>
/// <param name="publisher">A channel with confirms; the session's.</param>
/// <param name="exchange">The exchange; empty: the default one.</param>
/// <param name="routingKey">The queue, or the exchange's key.</param>
internal sealed class BrokerResults(IChannel publisher, string exchange, string routingKey) : IResultStore
{
    /// <inheritdoc/>
    public async Task StoreAsync(BulkResult result, CancellationToken cancellationToken)
    {
        var properties = new BasicProperties { MessageId = result.Id, ContentType = "application/json", DeliveryMode = DeliveryModes.Persistent };
        // Completes with the confirm; a result that no queue takes comes back as an error.
        await publisher.BasicPublishAsync(exchange, routingKey, mandatory: true, properties, result.Json, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<bool> HoldsAsync(string id, CancellationToken cancellationToken) => Task.FromResult(false);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
