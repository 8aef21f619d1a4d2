using System.Runtime.InteropServices;

namespace GuardSharp.Checkpoints.Quantization;

/// <summary>The numbers of a tensor, first row to last, some rows at a time.</summary>
internal interface IRowSource
{
    /// <summary>The address of the next rows; valid until the next call.</summary>
    /// <param name="rows">How many.</param>
    nint Next(int rows);
}

/// <summary>Rows of a mapped file: nothing is copied.</summary>
/// <param name="entry">The tensor.</param>
/// <param name="rowBytes">Bytes of a row.</param>
internal sealed class MappedRows(TensorEntry entry, long rowBytes) : IRowSource
{
    private long _offset;

    public nint Next(int rows)
    {
        var address = entry.Data + (nint)_offset;
        _offset += rows * rowBytes;
        return address;
    }
}

/// <summary>Rows of numbers in single precision, from halves, upper halves or singles, filled up with zeros; and back.</summary>
internal static unsafe class RowNumbers
{
    /// <summary>Copies a row.</summary>
    /// <param name="row">Address of its first number.</param>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="columns">Numbers of the row.</param>
    /// <param name="target">Where to; what is longer than the row is set to zero.</param>
    public static void Widen(nint row, TensorType type, int columns, Span<float> target)
    {
        switch (type)
        {
            case TensorType.F32:
                new ReadOnlySpan<float>((float*)row, columns).CopyTo(target);
                break;
            case TensorType.BF16:
                var bits = MemoryMarshal.Cast<float, uint>(target);
                for (var i = 0; i < columns; i++)
                {
                    bits[i] = (uint)((ushort*)row)[i] << 16;
                }

                break;
            default:
                for (var i = 0; i < columns; i++)
                {
                    target[i] = (float)((Half*)row)[i];
                }

                break;
        }

        target[columns..].Clear();
    }

    /// <summary>Writes numbers as a file stores them, rounded to the nearest, ties to even.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="target">Where to; as long as they take.</param>
    public static void Narrow(ReadOnlySpan<float> numbers, TensorType type, Span<byte> target)
    {
        switch (type)
        {
            case TensorType.F32:
                MemoryMarshal.AsBytes(numbers).CopyTo(target);
                break;
            case TensorType.BF16:
                var upper = MemoryMarshal.Cast<byte, ushort>(target);
                for (var i = 0; i < numbers.Length; i++)
                {
                    upper[i] = WeightNoise.ToBFloat16(numbers[i]);
                }

                break;
            default:
                Gguf.HalfNumbers.Convert(numbers, MemoryMarshal.Cast<byte, ushort>(target));
                break;
        }
    }
}
