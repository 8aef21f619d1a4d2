using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Tests.Engine;

/// <summary>A network whose pass stands still until the test lets it go, and then fails.</summary>
internal sealed class BlockedNetwork : IGuardNetwork, IDisposable
{
    /// <summary>Set when a pass has begun.</summary>
    public ManualResetEventSlim Entered { get; } = new();

    /// <summary>Lets the pass end.</summary>
    public ManualResetEventSlim Leave { get; } = new();

    public NetworkShape Shape { get; } = new(1, 8, 8, 16, 64);

    public Tensor Embed(ReadOnlySpan<int> ids)
    {
        Entered.Set();
        Leave.Wait();
        throw new TimeoutException("The test has let the pass go.");
    }

    public Tensor EncodeTiles(Tensor pixels) => throw new NotSupportedException();

    public LayerContext Begin(IReadOnlyList<SequenceSpan> sequences) => throw new NotSupportedException();

    public Tensor Layer(int index, Tensor hidden, LayerContext context) => throw new NotSupportedException();

    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows) => throw new NotSupportedException();

    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens) => throw new NotSupportedException();

    public void Dispose()
    {
        Entered.Dispose();
        Leave.Dispose();
    }
}
