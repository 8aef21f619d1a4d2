using System.Runtime.InteropServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Keys and values in native float32 memory: for each layer [capacity, columns] keys, then as many values.</summary>
internal sealed unsafe class CpuKvCache : KvCache
{
    /// <summary>Kernels may load a whole vector behind the last number.</summary>
    private const int MarginBytes = 64;

    private readonly int layers;
    private float* memory;

    public CpuKvCache(int layers, int columns, int capacity, CpuKvCache? parent, int? start = null) : base(parent, start, capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        if (parent is not null && (parent.layers != layers || parent.Columns != columns))
        {
            throw new ArgumentException($"The parent cache has {parent.layers} layers of {parent.Columns} columns; {layers} of {columns} are asked for.");
        }

        this.layers = layers;
        Columns = columns;
        memory = (float*)NativeMemory.AlignedAlloc((nuint)Bytes, MarginBytes);
        parent?.IsFrozen = true;
    }

    /// <summary>A cache whose owner forgot it gives its memory back all the same.</summary>
    ~CpuKvCache() => NativeMemory.AlignedFree(memory);

    /// <summary>Numbers of a key, and of a value.</summary>
    public int Columns { get; }

    public override long Bytes => (2L * layers * Capacity * Columns * sizeof(float)) + MarginBytes;

    /// <summary>True once a child shares it: nothing may be appended any more.</summary>
    public bool IsFrozen { get; private set; }

    /// <summary>The key of this cache's first own position.</summary>
    public float* Keys(int layer) => Layer(layer);

    /// <summary>The value of this cache's first own position.</summary>
    public float* Values(int layer) => Layer(layer) + ((long)Capacity * Columns);

    /// <summary>Writes keys and values [count, columns] behind the own length, without making them part of the cache.</summary>
    public void Append(int layer, float* keys, float* values, int count)
    {
        if (OwnLength + count > Capacity)
        {
            throw new InvalidOperationException($"The KV cache holds {Capacity} positions of its own; {OwnLength + count} are needed.");
        }

        if (IsFrozen && count > 0)
        {
            throw new InvalidOperationException("The KV cache is the shared beginning of another one; nothing can be appended to it. Append to the child.");
        }

        var start = (long)OwnLength * Columns;
        var bytes = (long)count * Columns * sizeof(float);
        Buffer.MemoryCopy(keys, Keys(layer) + start, bytes, bytes);
        Buffer.MemoryCopy(values, Values(layer) + start, bytes, bytes);
    }

    public override KvCache CopyOf(int ownLength)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ownLength, OwnLength);
        var copy = new CpuKvCache(layers, Columns, ownLength, (CpuKvCache?)Parent, Start);
        var bytes = (long)ownLength * Columns * sizeof(float);
        for (var layer = 0; layer < layers; layer++)
        {
            Buffer.MemoryCopy(Keys(layer), copy.Keys(layer), bytes, bytes);
            Buffer.MemoryCopy(Values(layer), copy.Values(layer), bytes, bytes);
        }

        copy.Advance(ownLength);
        return copy;
    }

    public override void Dispose()
    {
        NativeMemory.AlignedFree(memory);
        memory = null;
        GC.SuppressFinalize(this);
    }

    private float* Layer(int layer)
    {
        ObjectDisposedException.ThrowIf(memory is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, layers);
        return memory + (2L * layer * Capacity * Columns);
    }
}
