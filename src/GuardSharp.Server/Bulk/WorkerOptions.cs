using System.ComponentModel.DataAnnotations;

namespace GuardSharp.Server.Bulk;

/// <summary>The section "GuardSharp:Worker": where messages come from, and where results go (docs/scaling.md).</summary>
internal sealed class WorkerOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = ServerOptions.Section + ":Worker";

    /// <summary>The broker, <c>amqp://user:password@host:port/vhost</c> or amqps.</summary>
    [Required]
    public string Broker { get; set; } = "amqp://guest:guest@127.0.0.1:5672/";

    /// <summary>The quorum queue that messages are taken from.</summary>
    [Required, StringLength(255, MinimumLength = 1)]
    public string Queue { get; set; } = "guardsharp.work";

    /// <summary>The quorum queue for messages that cannot be judged.</summary>
    [Required, StringLength(255, MinimumLength = 1)]
    public string DeadLetters { get; set; } = "guardsharp.dead";

    /// <summary>Where results go: <c>queue:NAME</c>, <c>exchange:NAME</c>, <c>sqlite:FILE</c> or <c>postgres:CONNECTION</c>.</summary>
    [Required]
    public string Results { get; set; } = "queue:guardsharp.results";

    /// <summary>Messages that are under way in this worker at a time. Enough to fill a pass of the engine; what a worker holds, no other can take.</summary>
    [Range(1, 65_535)]
    public int Prefetch { get; set; } = 64;

    /// <summary>Whether queues that are missing are made. Without it somebody else makes them.</summary>
    public bool Declare { get; set; } = true;

    /// <summary>How often a message may come back because its worker died, before the broker makes a dead letter of it.</summary>
    [Range(1, 1_000_000)]
    public int DeliveryLimit { get; set; } = 50;

    /// <summary>Bytes of a message. More is a dead letter.</summary>
    [Range(1024, 1L << 30)]
    public long MaxBodyBytes { get; set; } = 32L << 20;

    /// <summary>Levels of lists and objects in a message.</summary>
    [Range(8, 1024)]
    public int MaxJsonDepth { get; set; } = 32;

    /// <summary>Seconds for messages under way when the worker is told to stop; what is left goes back to the queue.</summary>
    [Range(0, 3600)]
    public int DrainSeconds { get; set; } = 30;
}
