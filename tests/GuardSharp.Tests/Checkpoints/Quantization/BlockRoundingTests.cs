using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Tensors;

namespace GuardSharp.Tests.Checkpoints.Quantization;

public sealed unsafe class BlockRoundingTests
{
    private const int Block = StoredBlocks.BlockSize;

    [Fact]
    public void Eight_bits_are_at_most_half_a_step_away()
    {
        var values = Normal(4 * Block, 0.02f);
        var rounded = Round(values, NumberFormat.Int8, Block, out var scales);
        for (var i = 0; i < values.Length; i++)
        {
            // Half a step; the scale itself is rounded to 11 bits, which moves the 127th step by at most 127/2048 of a step.
            Assert.InRange(MathF.Abs(values[i] - rounded[i]), 0, scales[i / Block] * (0.5f + (127f / 2048)));
        }
    }

    [Theory]
    [InlineData(Block)]
    [InlineData(8 * Block)]
    public void Four_bits_are_never_farther_away_than_a_plain_scale_of_the_largest_number(int group)
    {
        var values = Normal(16 * Block, 0.02f);
        var rounded = Round(values, NumberFormat.Int4, group, out _);
        for (var first = 0; first < values.Length; first += group)
        {
            var part = values.AsSpan(first, group).ToArray();
            var plain = (float)(Half)(part.MaxBy(MathF.Abs) / -8);
            var plainError = part.Sum(v => Square(v - (plain * Math.Clamp(MathF.Round(v / plain), -8, 7))));
            var error = part.Zip(rounded.Skip(first)).Sum(pair => Square(pair.First - pair.Second));
            // The plain scale is among those tried; the chosen one is rounded to half precision once more.
            Assert.True(error <= plainError * 1.001f, $"{error} > {plainError}");
        }
    }

    // Normal numbers, blocks of 32: 0.0054, 0.0807 and 0.103 were measured.
    [Theory]
    [InlineData((int)NumberFormat.Int8, Block, 0.0058)]
    [InlineData((int)NumberFormat.Int4, Block, 0.082)]
    [InlineData((int)NumberFormat.Int4, 8 * Block, 0.104)]
    public void The_relative_error_of_normal_numbers_is_what_these_bits_can_do(int format, int group, double most)
    {
        var values = Normal(2048 * Block, 1);
        var rounded = Round(values, (NumberFormat)format, group, out _, out var error);
        var measured = Math.Sqrt(values.Zip(rounded).Sum(pair => Square(pair.First - pair.Second)) / values.Sum(Square));
        Assert.Equal(measured, error.Relative, 1e-5);
        Assert.InRange(measured, most * 0.9, most);
        Assert.Equal(values.Zip(rounded).Max(pair => MathF.Abs(pair.First - pair.Second)), error.Largest, 1e-6f);
    }

    [Fact]
    public void Numbers_that_have_a_form_in_four_bits_are_kept_exactly()
    {
        float[] values = [.. Enumerable.Range(0, Block).Select(i => 0.25f * ((i % 16) - 8))];
        Assert.Equal(values, Round(values, NumberFormat.Int4, Block, out var scales));
        Assert.Equal(0.25f, Assert.Single(scales));
    }

    [Fact]
    public void The_halves_of_a_byte_are_sixteen_numbers_apart()
    {
        float[] values = [.. Enumerable.Range(0, Block).Select(i => i == 3 ? -8f : i == 19 ? 7f : 0)];
        var bytes = new byte[Block / 2];
        var scales = new ushort[1];
        fixed (float* v = values)
        fixed (byte* b = bytes)
        fixed (ushort* s = scales)
        {
            BlockRounding.Row(v, null, 1, Plan(NumberFormat.Int4, Block, Block), b, s);
        }

        Assert.Equal(0xF0, bytes[3]);
        Assert.All(bytes.Where((_, i) => i != 3), value => Assert.Equal(0x88, value));
    }

    [Theory]
    [InlineData((int)NumberFormat.Int8)]
    [InlineData((int)NumberFormat.Int4)]
    public void Zeros_and_numbers_below_every_scale_become_zeros(int format)
    {
        var values = new float[2 * Block];
        values.AsSpan(Block).Fill(1e-12f);
        Assert.All(Round(values, (NumberFormat)format, Block, out var scales), value => Assert.Equal(0, value));
        Assert.Equal([0f, 0f], scales);
    }

    [Theory]
    [InlineData((int)NumberFormat.Int8, float.NaN)]
    [InlineData((int)NumberFormat.Int4, float.NaN)]
    [InlineData((int)NumberFormat.Int8, float.NegativeInfinity)]
    [InlineData((int)NumberFormat.Int4, float.PositiveInfinity)]
    [InlineData((int)NumberFormat.Int8, 1e9f)]
    [InlineData((int)NumberFormat.Int4, -1e9f)]
    public void A_number_that_no_scale_reaches_shows_in_the_error(int format, float number)
    {
        var values = Normal(2 * Block, 1);
        values[5] = number;
        Round(values, (NumberFormat)format, Block, out _, out var error);
        Assert.False(double.IsFinite(error.Squares));
    }

    [Fact]
    public void Inputs_that_matter_more_are_rounded_better()
    {
        var values = Normal(256 * Block, 1);
        float[] importance = [.. Enumerable.Range(0, values.Length).Select(i => i % 8 == 0 ? 100f : 1)];
        double Weighted(float[] rounded) => values.Zip(rounded, importance).Sum(t => Square(t.First - t.Second) * t.Third);
        var plain = Weighted(Round(values, NumberFormat.Int4, Block, out _));
        var weighted = Weighted(Round(values, NumberFormat.Int4, Block, out _, out _, importance));
        Assert.True(weighted < 0.9 * plain, $"{weighted} against {plain}");
    }

    private static float[] Round(float[] values, NumberFormat format, int group, out float[] scales) => Round(values, format, group, out scales, out _);

    private static float[] Round(float[] values, NumberFormat format, int group, out float[] scales, out RoundingError error, float[]? importance = null)
    {
        var plan = Plan(format, values.Length, group);
        var numbers = new byte[plan.NumberBytes];
        var halves = new ushort[plan.Scales];
        fixed (float* v = values)
        fixed (float* w = importance)
        fixed (byte* b = numbers)
        fixed (ushort* s = halves)
        {
            error = BlockRounding.Row(v, w, (int)plan.Blocks, plan, b, s);
            var layout = new BlockLayout((nint)b, format == NumberFormat.Int8 ? 32 : 16, plan.NumberBytes, (nint)s, 2, plan.Scales * 2, group / Block);
            var result = new float[values.Length];
            BlockNumbers.Row(new BlockWeight("w", 1, values.Length, format == NumberFormat.Int8 ? BlockType.Int8 : BlockType.Int4, layout), 0, result);
            scales = [.. halves.Select(bits => (float)BitConverter.UInt16BitsToHalf(bits))];
            return result;
        }
    }

    private static PlannedWeight Plan(NumberFormat format, int columns, int group) => new("w", [1, columns], TensorType.F32, format, group);

    private static float[] Normal(int count, float deviation)
    {
        var random = new Random(7);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())) * deviation)];
    }

    private static float Square(float value) => value * value;
}
