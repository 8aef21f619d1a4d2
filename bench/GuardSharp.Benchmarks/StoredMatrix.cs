using System.Runtime.InteropServices;
using GuardSharp.Tensors;

namespace GuardSharp.Benchmarks;

/// <summary>Numbers to measure with.</summary>
internal static class Numbers
{
    /// <summary>Uniform in [-0.5, 0.5).</summary>
    public static float[] Random(Random random, long count)
    {
        var numbers = new float[count];
        for (long i = 0; i < count; i++) numbers[i] = random.NextSingle() - 0.5f;
        return numbers;
    }
}

/// <summary>A matrix of float32 or bfloat16 in memory of its own.</summary>
internal sealed unsafe class StoredMatrix : IDisposable
{
    private readonly void* data;

    /// <param name="size">Shapes.</param>
    /// <param name="type">F32 or BF16.</param>
    /// <param name="values">[Outputs, Inputs].</param>
    public StoredMatrix(MatrixSize size, WeightType type, float[] values)
    {
        data = NativeMemory.AlignedAlloc((nuint)values.Length * sizeof(float), 64);
        for (var i = 0; i < values.Length; i++)
        {
            if (type == WeightType.F32)
            {
                ((float*)data)[i] = values[i];
            }
            else
            {
                ((ushort*)data)[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
            }
        }

        Weight = new StoredWeight("w", size.Outputs, size.Inputs, type, (nint)data);
    }

    public StoredWeight Weight { get; }

    public void Dispose() => NativeMemory.AlignedFree(data);
}
