using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Numbers of GGML's blocks: a scale (and for some an offset) and a few bits for each number.</summary>
/// <remarks>Layouts: ggml, ggml-common.h. Every step rounds to single, as ggml's reference functions do.</remarks>
internal static class Dequantisation
{
    private const int SuperBlock = 256;
    // Bytes of the packed scales and offsets of Q4_K and Q5_K.
    private const int ScaleBytes = 12;

    /// <summary>The numbers of whole blocks.</summary>
    /// <param name="type">Q8_0, Q4_0, Q4_K, Q5_K or Q6_K.</param>
    /// <param name="blocks">The blocks.</param>
    /// <param name="values">As many as the blocks hold.</param>
    public static void Run(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        var (bytes, count) = (type.BlockBytes(), type.BlockSize());
        for (var i = 0; i < blocks.Length / bytes; i++)
        {
            var block = blocks.Slice(i * bytes, bytes);
            var target = values.Slice(i * count, count);
            switch (type)
            {
                case TensorType.Q80:
                    Q80(block, target);
                    break;
                case TensorType.Q40:
                    Q40(block, target);
                    break;
                case TensorType.Q4K:
                    FourBits(block, default, block[(4 + ScaleBytes)..], target);
                    break;
                case TensorType.Q5K:
                    FourBits(block, block.Slice(4 + ScaleBytes, 32), block[(4 + ScaleBytes + 32)..], target);
                    break;
                case TensorType.Q6K:
                    Q6K(block, target);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(type), type, "No block type.");
            }
        }
    }

    private static float Half(ReadOnlySpan<byte> at) => (float)MemoryMarshal.Read<Half>(at);

    private static Vector128<byte> Load(ReadOnlySpan<byte> bytes, int at) => Vector128.Create(bytes.Slice(at, 16));

    /// <summary>scale * steps - offset, 16 numbers.</summary>
    private static void Write(Vector128<sbyte> steps, float scale, float offset, Span<float> values)
    {
        var (low, high) = Vector128.Widen(steps);
        Write(low, scale, offset, values);
        Write(high, scale, offset, values[8..]);
    }

    private static void Write(Vector128<short> steps, float scale, float offset, Span<float> values)
    {
        var (low, high) = Vector128.Widen(steps);
        ((Vector128.ConvertToSingle(low) * scale) - Vector128.Create(offset)).CopyTo(values);
        ((Vector128.ConvertToSingle(high) * scale) - Vector128.Create(offset)).CopyTo(values[4..]);
    }

    // half scale, 32 signed bytes
    private static void Q80(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block);
        Write(Load(block, 2).AsSByte(), scale, 0, values);
        Write(Load(block, 18).AsSByte(), scale, 0, values[16..]);
    }

    // half scale, 16 bytes: low nibbles are the first 16 numbers, high nibbles the others
    private static void Q40(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block);
        var pairs = Load(block, 2);
        Write((pairs & Vector128.Create((byte)0xF)).AsSByte() - Vector128.Create((sbyte)8), scale, 0, values);
        Write((pairs >>> 4).AsSByte() - Vector128.Create((sbyte)8), scale, 0, values[16..]);
    }

    // half scale of the scales, half scale of the offsets, 8 scales and 8 offsets of 6 bits, in Q5_K 32 bytes of fifth bits, 128 bytes of nibbles
    private static void FourBits(ReadOnlySpan<byte> block, ReadOnlySpan<byte> fifths, ReadOnlySpan<byte> nibbles, Span<float> values)
    {
        var (scale, offset) = (Half(block), Half(block[2..]));
        var scales = block.Slice(4, ScaleBytes);
        for (var group = 0; group < SuperBlock / 64; group++)
        {
            var (lowScale, lowOffset) = SixBits(scales, 2 * group);
            var (highScale, highOffset) = SixBits(scales, (2 * group) + 1);
            for (var i = 0; i < 32; i += 16)
            {
                var pairs = Load(nibbles, (group * 32) + i);
                var fifth = fifths.IsEmpty ? Vector128<byte>.Zero : Load(fifths, i) >>> (2 * group);
                var low = (pairs & Vector128.Create((byte)0xF)) | ((fifth & Vector128.Create((byte)1)) << 4);
                var high = (pairs >>> 4) | ((fifth & Vector128.Create((byte)2)) << 3);
                Write(low.AsSByte(), scale * lowScale, offset * lowOffset, values[((group * 64) + i)..]);
                Write(high.AsSByte(), scale * highScale, offset * highOffset, values[((group * 64) + 32 + i)..]);
            }
        }
    }

    // The first four scales and offsets fill six bits of a byte each; the others are four bits and the two left over of earlier bytes.
    private static (int Scale, int Offset) SixBits(ReadOnlySpan<byte> scales, int index) => index < 4
        ? (scales[index] & 63, scales[index + 4] & 63)
        : ((scales[index + 4] & 0xF) | ((scales[index - 4] >> 6) << 4), (scales[index + 4] >> 4) | ((scales[index] >> 6) << 4));

    // 128 bytes of low nibbles, 64 of high pairs of bits, 16 signed scales, half scale of the scales
    private static void Q6K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block[208..]);
        for (var i = 0; i < SuperBlock; i += 16)
        {
            // Each half of 128 numbers: quarters of 32, the first two in low nibbles, the last two in high ones of the same bytes.
            var (half, quarter, place) = (i / 128, i / 32 % 4, i % 32);
            var nibbles = Load(block, (half * 64) + (quarter % 2 * 32) + place) >>> (quarter / 2 * 4) & Vector128.Create((byte)0xF);
            var pairs = Load(block, 128 + (half * 32) + place) >>> (2 * quarter) & Vector128.Create((byte)3);
            var steps = (nibbles | (pairs << 4)).AsSByte() - Vector128.Create((sbyte)32);
            Write(steps, scale * (sbyte)block[192 + (i / 16)], 0, values[i..]);
        }
    }
}
