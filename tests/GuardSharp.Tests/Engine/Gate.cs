namespace GuardSharp.Tests.Engine;

/// <summary>Holds an engine's thread before a pass until the test opens it, so that what arrives meanwhile is known.</summary>
internal sealed class Gate : IDisposable
{
    private readonly ManualResetEventSlim _open = new();
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WatchedNetwork _network;

    /// <param name="network">The network that is held.</param>
    /// <param name="openAfter">Passes that may run first, counted from the network's first one.</param>
    public Gate(WatchedNetwork network, int openAfter)
    {
        _network = network;
        network.BeforePass = _ =>
        {
            if (network.Passes.Count >= openAfter)
            {
                _entered.TrySetResult();
                _open.Wait(TimeSpan.FromSeconds(60));
            }
        };
    }

    /// <summary>Ends when a pass stands.</summary>
    public Task Entered => _entered.Task;

    public void Open() => _open.Set();

    public void Dispose()
    {
        _network.BeforePass = null;
        _open.Set();
    }
}
