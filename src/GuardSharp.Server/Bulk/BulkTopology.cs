using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace GuardSharp.Server.Bulk;

/// <summary>The queues of the broker: quorum queues, so that a message that was confirmed outlives the loss of a node.</summary>
internal static class BulkTopology
{
    private const int AccessRefused = 403;
    private const int NotFound = 404;
    private const int PreconditionFailed = 406;

    /// <summary>Makes the queues that are missing, or asks whether they are there.</summary>
    /// <exception cref="GuardException">A queue is missing or was made with other arguments.</exception>
    public static async Task PrepareAsync(IConnection connection, WorkerOptions options, ResultTarget results, CancellationToken cancellationToken)
    {
        var dead = new Dictionary<string, object?> { ["x-queue-type"] = "quorum" };
        var work = new Dictionary<string, object?>
        {
            ["x-queue-type"] = "quorum",
            // A message that kills every worker must not do so for ever.
            ["x-delivery-limit"] = options.DeliveryLimit,
            ["x-dead-letter-exchange"] = "",
            ["x-dead-letter-routing-key"] = options.DeadLetters,
            // The broker keeps a dead letter until its queue has it; that asks for the way of refusing publishers.
            ["x-dead-letter-strategy"] = "at-least-once",
            ["x-overflow"] = "reject-publish",
        };
        await PrepareAsync(connection, options.DeadLetters, options.Declare ? dead : null, cancellationToken).ConfigureAwait(false);
        await PrepareAsync(connection, options.Queue, options.Declare ? work : null, cancellationToken).ConfigureAwait(false);
        if (results.Kind == ResultKind.Queue)
            await PrepareAsync(connection, results.Name, options.Declare ? dead : null, cancellationToken).ConfigureAwait(false);
    }

    private static async Task PrepareAsync(IConnection connection, string queue, Dictionary<string, object?>? arguments, CancellationToken cancellationToken)
    {
        // A refusal closes its channel, so each question gets one.
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            try
            {
                if (arguments is null)
                    await channel.QueueDeclarePassiveAsync(queue, cancellationToken).ConfigureAwait(false);
                else
                    await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken).ConfigureAwait(false);
            }
            catch (OperationInterruptedException error) when (error.ShutdownReason?.ReplyCode is AccessRefused or NotFound or PreconditionFailed)
            {
                throw new GuardException(error.ShutdownReason.ReplyCode switch
                {
                    NotFound => $"The broker has no queue \"{queue}\". Make it, or set {WorkerOptions.Section}:Declare.",
                    AccessRefused => $"The broker does not let this user have the queue \"{queue}\". Give it the right, or name another queue.",
                    _ => $"The broker has a queue \"{queue}\" with other arguments than a worker's (docs/scaling.md). Delete it, name another, or set {WorkerOptions.Section}:Declare to false to take it as it is.",
                }, error);
            }
        }
    }
}
