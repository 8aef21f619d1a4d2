using System.Runtime.InteropServices;
using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors;

/// <summary>Reproducible random numbers, and weights in native memory as a mapped checkpoint would hold them.</summary>
internal sealed unsafe class TestNumbers(int seed = 1) : IDisposable
{
    private readonly Random random = new(seed);
    private readonly List<nint> memory = [];

    /// <summary>Numbers in [-scale, scale).</summary>
    public float[] Numbers(int count, float scale = 1)
    {
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = ((random.NextSingle() * 2) - 1) * scale;
        }

        return numbers;
    }

    /// <summary>A weight [rows, columns] whose address is aligned to the size of one number only.</summary>
    /// <returns>The weight, and the numbers it holds after rounding to its type, row-major [rows, columns].</returns>
    public (StoredWeight Weight, float[] Values) Weight(int rows, int columns, WeightType type = WeightType.F32, bool transposed = false, float scale = 1)
    {
        var values = Numbers(rows * columns, scale);
        return (Store(values, rows, columns, type, transposed), values);
    }

    /// <summary>Stores the numbers; <paramref name="values"/> is rounded to the type in place.</summary>
    public StoredWeight Store(float[] values, int rows, int columns, WeightType type = WeightType.F32, bool transposed = false)
    {
        var size = type == WeightType.F32 ? 4 : 2;
        var block = (nint)NativeMemory.AlignedAlloc((nuint)((values.Length + 1) * size), 64);
        memory.Add(block);
        var data = block + size;
        for (var i = 0; i < values.Length; i++)
        {
            var place = transposed ? ((long)(i % columns) * rows) + (i / columns) : i;
            values[i] = Write(data, place, values[i], type);
        }

        return new StoredWeight("test.weight", rows, columns, type, data, transposed);
    }

    public void Dispose()
    {
        memory.ForEach(block => NativeMemory.AlignedFree((void*)block));
        memory.Clear();
    }

    private static float Write(nint data, long place, float value, WeightType type)
    {
        switch (type)
        {
            case WeightType.F16:
                ((Half*)data)[place] = (Half)value;
                return (float)(Half)value;
            case WeightType.BF16:
                // Rounding towards zero: which of the two neighbours is stored does not matter here.
                ((ushort*)data)[place] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
                return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
            default:
                ((float*)data)[place] = value;
                return value;
        }
    }
}
