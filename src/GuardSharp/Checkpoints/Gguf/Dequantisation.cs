using System.Runtime.InteropServices;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Numbers of GGML's blocks: a scale (and for some an offset) and a few bits for each number.</summary>
/// <remarks>Layouts: ggml, ggml-common.h. Every step rounds to single, as ggml's reference functions do.</remarks>
internal static class Dequantisation
{
    private const int SuperBlock = 256;
    // Bytes of a block's parts.
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

    // half scale, 32 signed bytes
    private static void Q80(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (sbyte)block[2 + i] * scale;
        }
    }

    // half scale, 16 bytes: low nibbles are the first 16 numbers, high nibbles the others
    private static void Q40(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block);
        for (var i = 0; i < values.Length / 2; i++)
        {
            values[i] = ((block[2 + i] & 0xF) - 8) * scale;
            values[i + (values.Length / 2)] = ((block[2 + i] >> 4) - 8) * scale;
        }
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
            for (var i = 0; i < 32; i++)
            {
                var pair = nibbles[(group * 32) + i];
                var fifth = fifths.IsEmpty ? 0 : fifths[i] >> (2 * group);
                values[(group * 64) + i] = (scale * lowScale * ((pair & 0xF) | ((fifth & 1) << 4))) - (offset * lowOffset);
                values[(group * 64) + 32 + i] = (scale * highScale * ((pair >> 4) | ((fifth & 2) << 3))) - (offset * highOffset);
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
        for (var half = 0; half < 2; half++)
        {
            var low = block.Slice(half * 64, 64);
            var high = block.Slice(128 + (half * 32), 32);
            var scales = block.Slice(192 + (half * 8), 8);
            var target = values.Slice(half * 128, 128);
            for (var i = 0; i < 128; i++)
            {
                var (part, place) = (i / 32, i % 32);
                var nibble = low[(part % 2 * 32) + place] >> (part / 2 * 4) & 0xF;
                var number = (nibble | ((high[place] >> (2 * part) & 3) << 4)) - 32;
                target[i] = scale * (sbyte)scales[(2 * part) + (place / 16)] * number;
            }
        }
    }
}
