using System.Runtime.InteropServices;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Numbers to GGML's blocks of 32, bit for bit as ggml's reference functions make them.</summary>
/// <remarks>Source: ggml, quantize_row_q8_0_ref and quantize_row_q4_0_ref. The other direction: <see cref="Dequantisation"/>.</remarks>
internal static class Quantisation
{
    private const int Block = 32;
    private const int ScaleBytes = 2;

    /// <summary>Writes numbers in the form of a type.</summary>
    /// <param name="type">F32, F16, Q8_0 or Q4_0.</param>
    /// <param name="values">Numbers; whole blocks.</param>
    /// <param name="target">The bytes they take in the type.</param>
    public static void Run(TensorType type, ReadOnlySpan<float> values, Span<byte> target)
    {
        switch (type)
        {
            case TensorType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(target);
                break;
            case TensorType.F16:
                HalfNumbers.Convert(values, MemoryMarshal.Cast<byte, ushort>(target));
                break;
            case TensorType.Q80:
                for (var i = 0; i < values.Length / Block; i++)
                {
                    Q80(values.Slice(i * Block, Block), target.Slice(i * type.BlockBytes(), type.BlockBytes()));
                }

                break;
            case TensorType.Q40:
                for (var i = 0; i < values.Length / Block; i++)
                {
                    Q40(values.Slice(i * Block, Block), target.Slice(i * type.BlockBytes(), type.BlockBytes()));
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type that is written.");
        }
    }

    // The largest size becomes 127; halves round away from zero.
    private static void Q80(ReadOnlySpan<float> values, Span<byte> block)
    {
        var largest = 0f;
        foreach (var value in values)
        {
            largest = MathF.Max(largest, MathF.Abs(value));
        }

        var scale = largest / 127;
        // The steps come from the scale before it is rounded to a half.
        var inverse = scale != 0 ? 1 / scale : 0;
        MemoryMarshal.Write(block, (Half)scale);
        for (var i = 0; i < Block; i++)
        {
            block[ScaleBytes + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    // The number of the largest size, the first of several, becomes -8 with its sign: so one side reaches only 7.
    private static void Q40(ReadOnlySpan<float> values, Span<byte> block)
    {
        var (largest, signed) = (0f, 0f);
        foreach (var value in values)
        {
            if (largest < MathF.Abs(value))
            {
                (largest, signed) = (MathF.Abs(value), value);
            }
        }

        var scale = signed / -8;
        var inverse = scale != 0 ? 1 / scale : 0;
        MemoryMarshal.Write(block, (Half)scale);
        for (var i = 0; i < Block / 2; i++)
        {
            var (low, high) = (Step(values[i] * inverse), Step(values[(Block / 2) + i] * inverse));
            block[ScaleBytes + i] = (byte)(low | (high << 4));
        }
    }

    private static int Step(float value) => Math.Min(15, (int)(value + 8.5f));
}
