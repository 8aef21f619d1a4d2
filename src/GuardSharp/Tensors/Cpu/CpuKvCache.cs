using System.Runtime.InteropServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>What a cache keeps of a position.</summary>
/// <param name="Layers">Layers.</param>
/// <param name="Columns">Numbers of a key, and of a value, in one layer.</param>
/// <param name="Heads">Equal parts of a key that have scales of their own, where the type has scales.</param>
/// <param name="Type">How numbers are kept.</param>
internal readonly record struct KeptSize(int Layers, int Columns, int Heads, KeyValueType Type)
{
    /// <summary>Scales of a key, and of a value, in one layer.</summary>
    public int Scales => Type == KeyValueType.Int8 ? Heads : 0;

    /// <summary>Bytes of a position.</summary>
    public long Bytes => 2L * Layers * ((Columns * KeptRows.SizeOf(Type)) + (Scales * sizeof(float)));
}

/// <summary>Keys and values in native memory: for each layer [capacity, columns] keys, then as many values; before all of them the scales [capacity, heads] in the same order.</summary>
internal sealed unsafe class CpuKvCache : KvCache
{
    /// <summary>Kernels may load a whole vector behind the last number.</summary>
    private const int MarginBytes = 64;

    private byte* memory;

    public CpuKvCache(KeptSize size, int capacity, CpuKvCache? parent, int? start = null) : base(parent, start, capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size.Layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size.Columns);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size.Heads);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        if (size.Columns % size.Heads != 0)
        {
            throw new ArgumentException($"{size.Columns} columns cannot be shared by {size.Heads} heads.");
        }

        if (parent is not null && parent.Size != size)
        {
            throw new ArgumentException($"The parent cache has {parent.Size}; {size} is asked for.");
        }

        Size = size;
        memory = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, MarginBytes);
        parent?.IsFrozen = true;
    }

    /// <summary>A cache whose owner forgot it gives its memory back all the same.</summary>
    ~CpuKvCache() => NativeMemory.AlignedFree(memory);

    /// <summary>What it keeps of a position.</summary>
    public KeptSize Size { get; }

    public override long Bytes => (Size.Bytes * Capacity) + MarginBytes;

    /// <summary>True once a child shares it: nothing may be appended any more.</summary>
    public bool IsFrozen { get; private set; }

    /// <summary>The keys of a layer from a column on; row 0 is this cache's first own position.</summary>
    public KeptRows Keys(int layer, int column) => Rows(2 * layer, column);

    /// <summary>The values of a layer from a column on.</summary>
    public KeptRows Values(int layer, int column) => Rows((2 * layer) + 1, column);

    /// <summary>Writes keys and values [count, columns] behind the own length, without making them part of the cache.</summary>
    public void Append(Kernels kernels, int layer, float* keys, float* values, int count)
    {
        if (OwnLength + count > Capacity)
        {
            throw new InvalidOperationException($"The KV cache holds {Capacity} positions of its own; {OwnLength + count} are needed.");
        }

        if (IsFrozen && count > 0)
        {
            throw new InvalidOperationException("The KV cache is the shared beginning of another one; nothing can be appended to it. Append to the child.");
        }

        Check(layer);
        Write(kernels, 2 * layer, keys, count);
        Write(kernels, (2 * layer) + 1, values, count);
    }

    public override KvCache CopyOf(int ownLength)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ownLength, OwnLength);
        ObjectDisposedException.ThrowIf(memory is null, this);
        var copy = new CpuKvCache(Size, ownLength, (CpuKvCache?)Parent, Start);
        var bytes = (long)ownLength * Size.Columns * KeptRows.SizeOf(Size.Type);
        var scaleBytes = (long)ownLength * Size.Scales * sizeof(float);
        for (var side = 0; side < 2 * Size.Layers; side++)
        {
            Buffer.MemoryCopy(Numbers(side), copy.Numbers(side), bytes, bytes);
            Buffer.MemoryCopy(Scales(side), copy.Scales(side), scaleBytes, scaleBytes);
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

    /// <param name="side">Keys of layer 0, its values, keys of layer 1, ...</param>
    private byte* Numbers(int side) =>
        memory + (2L * Size.Layers * Capacity * Size.Scales * sizeof(float)) + ((long)side * Capacity * Size.Columns * KeptRows.SizeOf(Size.Type));

    private float* Scales(int side) => (float*)memory + ((long)side * Capacity * Size.Scales);

    private KeptRows Rows(int side, int column)
    {
        Check(side / 2);
        var scale = Size.Scales == 0 ? null : Scales(side) + (column / (Size.Columns / Size.Heads));
        return new KeptRows(Numbers(side) + ((nint)column * KeptRows.SizeOf(Size.Type)), Size.Type, Size.Columns, scale, Size.Scales);
    }

    private void Write(Kernels kernels, int side, float* source, int count)
    {
        var numbers = (long)count * Size.Columns;
        var start = Numbers(side) + ((long)OwnLength * Size.Columns * KeptRows.SizeOf(Size.Type));
        switch (Size.Type)
        {
            case KeyValueType.F16:
                // A pass has fewer rows than 2^31 / columns.
                Require(kernels.NarrowToHalf(source, (ushort*)start, checked((int)numbers)), side);
                break;
            case KeyValueType.Int8:
                var length = Size.Columns / Size.Heads;
                var scales = Scales(side) + ((long)OwnLength * Size.Heads);
                for (long part = 0; part < (long)count * Size.Heads; part++)
                {
                    scales[part] = kernels.NarrowToInt8(source + (part * length), (sbyte*)start + (part * length), length);
                    Require(!float.IsNaN(scales[part]), side);
                }

                break;
            default:
                Buffer.MemoryCopy(source, start, numbers * sizeof(float), numbers * sizeof(float));
                break;
        }
    }

    /// <summary>Rounding would make numbers of what is none, and a damaged model would seem sound.</summary>
    private static void Require(bool isFinite, int side)
    {
        if (!isFinite)
        {
            throw new GuardException($"Layer {side / 2} computed {(side % 2 == 0 ? "keys" : "values")} that are infinite or no numbers. Are the model's weights damaged?");
        }
    }

    private void Check(int layer)
    {
        ObjectDisposedException.ThrowIf(memory is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, Size.Layers);
    }
}
