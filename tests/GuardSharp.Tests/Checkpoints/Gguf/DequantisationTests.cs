using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;

namespace GuardSharp.Tests.Checkpoints.Gguf;

public sealed class DequantisationTests
{
    [Fact]
    public void Q8_0_is_a_scale_and_signed_bytes()
    {
        byte[] block = [.. GgufSample.Bits((Half)0.5f), .. Enumerable.Range(0, 32).Select(i => (byte)(sbyte)((i * 8) - 128))];
        Assert.Equal(Enumerable.Range(0, 32).Select(i => ((i * 8) - 128) * 0.5f), Run(TensorType.Q80, block));
    }

    [Fact]
    public void Q4_0_has_its_first_half_in_the_low_nibbles()
    {
        byte[] block = [.. GgufSample.Bits((Half)0.25f), .. Enumerable.Range(0, 16).Select(i => (byte)(i | ((15 - i) << 4)))];
        Assert.Equal(
            Enumerable.Range(0, 16).Select(i => (i - 8) * 0.25f).Concat(Enumerable.Range(0, 16).Select(i => (7 - i) * 0.25f)),
            Run(TensorType.Q40, block));
    }

    // The other direction, from numbers to bits, written down from the layout: eight groups of 32 with a scale and an offset of six bits each.
    [Fact]
    public void Q4_K_gives_back_the_steps_scales_and_offsets_that_were_packed()
    {
        var random = new Random(3);
        int[] scales = [.. Enumerable.Range(0, 8).Select(_ => random.Next(64))];
        int[] offsets = [.. Enumerable.Range(0, 8).Select(_ => random.Next(64))];
        int[] steps = [.. Enumerable.Range(0, 256).Select(_ => random.Next(16))];
        var packed = new byte[12];
        for (var i = 0; i < 4; i++)
        {
            packed[i] = (byte)(scales[i] | ((scales[i + 4] >> 4) << 6));
            packed[i + 4] = (byte)(offsets[i] | ((offsets[i + 4] >> 4) << 6));
            packed[i + 8] = (byte)((scales[i + 4] & 15) | ((offsets[i + 4] & 15) << 4));
        }

        var nibbles = new byte[128];
        for (var i = 0; i < 256; i++)
        {
            var (group, place) = Math.DivRem(i, 32);
            nibbles[(group / 2 * 32) + place] |= (byte)(steps[i] << (group % 2 * 4));
        }

        byte[] block = [.. GgufSample.Bits((Half)0.125f), .. GgufSample.Bits((Half)0.5f), .. packed, .. nibbles];
        Assert.Equal(steps.Select((step, i) => (0.125f * scales[i / 32] * step) - (0.5f * offsets[i / 32])), Run(TensorType.Q4K, block));
    }

    [Fact]
    public void Q6_K_gives_back_the_steps_and_scales_that_were_packed()
    {
        var random = new Random(4);
        int[] scales = [.. Enumerable.Range(0, 16).Select(_ => random.Next(-128, 128))];
        int[] steps = [.. Enumerable.Range(0, 256).Select(_ => random.Next(64))];
        var (low, high) = (new byte[128], new byte[64]);
        for (var i = 0; i < 256; i++)
        {
            // Each half of 128: quarters of 32; the first two are low nibbles, the last two high ones, two bits a quarter in the other array.
            var (half, inHalf) = Math.DivRem(i, 128);
            var (quarter, place) = Math.DivRem(inHalf, 32);
            low[(half * 64) + (quarter % 2 * 32) + place] |= (byte)((steps[i] & 15) << (quarter / 2 * 4));
            high[(half * 32) + place] |= (byte)((steps[i] >> 4) << (quarter * 2));
        }

        byte[] block = [.. low, .. high, .. scales.Select(scale => (byte)(sbyte)scale), .. GgufSample.Bits((Half)0.25f)];
        Assert.Equal(steps.Select((step, i) => 0.25f * scales[i / 16] * (step - 32)), Run(TensorType.Q6K, block));
    }

    [Fact]
    public void Halves_are_those_of_a_cast()
    {
        var values = new List<float> { 0, -0f, 65504, 65519.99f, 65520, -65520, 1e30f, float.PositiveInfinity, float.NegativeInfinity, 6.1e-5f, 6.0e-8f, 2.9e-8f, 3e-8f, float.Epsilon, 1 + (1f / 2048), 1 + (3f / 2048) };
        // Every half, the middle between it and the next, and a little to both sides: all ties and all borders.
        for (var bits = 0; bits < 0x7C00; bits++)
        {
            var (here, next) = ((float)BitConverter.UInt16BitsToHalf((ushort)bits), (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1)));
            var middle = bits < 0x7BFF ? (here + next) / 2 : 65520;
            values.AddRange([here, middle, MathF.BitDecrement(middle), MathF.BitIncrement(middle), -middle]);
        }

        var halves = new ushort[values.Count];
        HalfNumbers.Convert(values.ToArray(), halves);
        for (var i = 0; i < halves.Length; i++)
        {
            Assert.True(BitConverter.HalfToUInt16Bits((Half)values[i]) == halves[i], $"{values[i]:G9} became {halves[i]:X4}");
        }

        var nan = new ushort[8];
        HalfNumbers.Convert([.. Enumerable.Repeat(float.NaN, 8)], nan);
        Assert.All(nan, bits => Assert.True(Half.IsNaN(BitConverter.UInt16BitsToHalf(bits))));
    }

    private static float[] Run(TensorType type, byte[] block)
    {
        Assert.Equal(type.BlockBytes(), block.Length);
        var values = new float[type.BlockSize()];
        Dequantisation.Run(type, block, values);
        return values;
    }
}
