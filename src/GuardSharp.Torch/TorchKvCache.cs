using GuardSharp.Tensors;
using TorchSharp;

namespace GuardSharp.Torch;

/// <summary>Keys and values per layer as torch tensors [Capacity, columns], allocated once.</summary>
internal sealed class TorchKvCache : KvCache
{
    private readonly torch.Tensor[] keys;
    private readonly torch.Tensor[] values;
    private readonly torch.Device device;

    public TorchKvCache(int layers, int columns, int capacity, KvCache? parent, int? start, torch.Device device)
        : base(parent, start, capacity)
    {
        if (layers < 1 || columns < 1 || capacity < 0)
        {
            throw new ArgumentException($"A cache of {layers} layers, {columns} columns and {capacity} positions cannot be made.", nameof(layers));
        }

        if (parent is not null && (parent is not TorchKvCache above || above.keys.Length != layers || above.Columns != columns))
        {
            throw new ArgumentException($"The parent is not a TorchKvCache of {layers} layers and {columns} columns.", nameof(parent));
        }

        Columns = columns;
        using var noGradients = torch.no_grad();
        this.device = device;
        keys = Allocate(layers, device);
        values = Allocate(layers, device);
    }

    /// <summary>Columns of keys and of values: KeyHeads * HeadSize.</summary>
    public int Columns { get; }

    /// <summary>Number of layers.</summary>
    public int Layers => keys.Length;

    /// <inheritdoc/>
    public override long Bytes => 2L * Layers * Capacity * Columns * sizeof(float);

    /// <summary>Writes the new keys and values of a layer behind what the cache holds, and gives back all of them, the parents' first.</summary>
    /// <returns>Both [Length + count, columns]; views where there is no parent.</returns>
    public (torch.Tensor Keys, torch.Tensor Values) Append(int layer, torch.Tensor newKeys, torch.Tensor newValues)
    {
        var count = newKeys.size(0);
        if (OwnLength + count > Capacity)
        {
            throw new InvalidOperationException($"The KV cache holds {Capacity} positions of its own; {OwnLength + count} are needed.");
        }

        keys[layer].narrow(0, OwnLength, count).copy_(newKeys);
        values[layer].narrow(0, OwnLength, count).copy_(newValues);
        return (Join(layer, cache => cache.keys, OwnLength + count), Join(layer, cache => cache.values, OwnLength + count));
    }

    /// <inheritdoc/>
    public override KvCache CopyOf(int ownLength)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ownLength, OwnLength);
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var copy = new TorchKvCache(Layers, Columns, ownLength, Parent, Start, device);
        for (var layer = 0; layer < Layers; layer++)
        {
            copy.keys[layer].copy_(keys[layer].narrow(0, 0, ownLength));
            copy.values[layer].copy_(values[layer].narrow(0, 0, ownLength));
        }

        copy.Advance(ownLength);
        return copy;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var tensor in keys.Concat(values))
        {
            tensor.Dispose();
        }
    }

    private torch.Tensor[] Allocate(int layers, torch.Device device)
    {
        var result = new torch.Tensor[layers];
        for (var i = 0; i < layers; i++)
        {
            result[i] = torch.empty(Capacity, Columns, torch.ScalarType.Float32, device).DetachFromDisposeScope();
        }

        return result;
    }

    private torch.Tensor Join(int layer, Func<TorchKvCache, torch.Tensor[]> side, long ownLength)
    {
        var parts = new List<torch.Tensor> { side(this)[layer].narrow(0, 0, ownLength) };
        var end = Start;
        for (var above = Parent as TorchKvCache; above is not null; above = above.Parent as TorchKvCache)
        {
            // Of its parent a cache stands on the first positions only.
            if (end > above.Start)
            {
                parts.Insert(0, side(above)[layer].narrow(0, 0, end - above.Start));
                end = above.Start;
            }
        }

        return parts.Count == 1 ? parts[0] : torch.cat(parts, 0);
    }
}
