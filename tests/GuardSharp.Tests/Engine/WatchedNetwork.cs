using System.Collections.Concurrent;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Tests.Engine;

/// <summary>A network that counts what it is asked to compute, and lets a test act before each pass.</summary>
internal class WatchedNetwork(IGuardNetwork inner) : IGuardNetwork
{
    /// <summary>Rows of each pass so far.</summary>
    public ConcurrentQueue<int> Passes { get; } = new();

    /// <summary>Calls of the vision encoder.</summary>
    public int Pictures { get; protected set; }

    /// <summary>Calls of the head.</summary>
    public int Heads { get; private set; }

    /// <summary>Called on the engine's thread with the ids of each pass before it runs.</summary>
    public Action<int[]>? BeforePass { get; set; }

    public NetworkShape Shape => inner.Shape;

    public static WatchedNetwork Of(IGuardNetwork inner) => inner is ICrossAttentionNetwork reader ? new WatchedReader(reader) : new WatchedNetwork(inner);

    public Tensor Embed(ReadOnlySpan<int> ids)
    {
        BeforePass?.Invoke(ids.ToArray());
        Passes.Enqueue(ids.Length);
        return inner.Embed(ids);
    }

    public Tensor EncodeTiles(Tensor pixels)
    {
        Pictures++;
        return inner.EncodeTiles(pixels);
    }

    public LayerContext Begin(IReadOnlyList<SequenceSpan> sequences) => inner.Begin(sequences);

    public Tensor Layer(int index, Tensor hidden, LayerContext context) => inner.Layer(index, hidden, context);

    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows) => inner.Final(hidden, rows);

    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens)
    {
        Heads++;
        return inner.Logits(normed, tokens);
    }

    private sealed class WatchedReader(ICrossAttentionNetwork inner) : WatchedNetwork(inner), ICrossAttentionNetwork
    {
        private readonly ICrossAttentionNetwork _inner = inner;

        public int CrossLayers => _inner.CrossLayers;

        public int RowsPerTile => _inner.RowsPerTile;

        public bool EarlierTokensRead => _inner.EarlierTokensRead;

        public Tensor EncodePicture(Tensor pixels, int gridRows, int gridColumns)
        {
            Pictures++;
            return _inner.EncodePicture(pixels, gridRows, gridColumns);
        }

        public void Remember(Tensor encoded, KvCache cache) => _inner.Remember(encoded, cache);
    }
}
