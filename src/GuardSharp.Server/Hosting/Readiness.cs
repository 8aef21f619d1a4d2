using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Hosting;

/// <summary>Whether the server takes work.</summary>
internal enum ServerState
{
    /// <summary>Models are being loaded.</summary>
    Loading,

    /// <summary>It takes work.</summary>
    Ready,

    /// <summary>It was told to stop and finishes what runs.</summary>
    Draining,
}

/// <summary>The state of this server. Safe from any thread.</summary>
internal sealed class Readiness
{
    private volatile ServerState _state = ServerState.Loading;

    /// <summary>The state now.</summary>
    public ServerState State => _state;

    /// <summary>The models are there. A server that drains already stays so.</summary>
    public void Open() => Interlocked.CompareExchange(ref _state, ServerState.Ready, ServerState.Loading);

    /// <summary>No new work is wanted.</summary>
    public void Drain() => _state = ServerState.Draining;

    /// <summary>The answer to work that came too early.</summary>
    public static ApiException Loading() => ApiException.NotReady("The server is still loading its models. Try again in a moment; /health/ready says when.", "loading");
}
