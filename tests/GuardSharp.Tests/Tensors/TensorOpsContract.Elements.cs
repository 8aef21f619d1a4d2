using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors;

/// <summary>Norms, rotations, elements, rows.</summary>
public abstract partial class TensorOpsContract
{
    [Theory]
    [InlineData(5, 64, 1)]
    [InlineData(3, 37, 1)]
    [InlineData(4, 60, 4)]
    [InlineData(7, 96, 12)]
    [InlineData(300, 512, 1)]
    public void RmsNorm_divides_each_part_by_its_root_mean_square(int rows, int columns, int groups)
    {
        using var scope = Ops.Scope();
        var x = numbers.Numbers(rows * columns, 3);
        foreach (var type in Enum.GetValues<WeightType>())
        {
            var (weight, w) = numbers.Weight(1, columns / groups, type);
            // Results are of the order of 2 and each is rounded a few times in float32: 2e-6.
            Expect(Ops.RmsNorm(Upload(x, rows), weight, 1e-5f, groups), TensorReference.RmsNorm(x, w, 1e-5, columns / groups), 2e-6);
        }

        Expect(Ops.RmsNorm(Upload(x, rows), null, 1e-5f, groups), TensorReference.RmsNorm(x, null, 1e-5, columns / groups), 2e-6);
    }

    [Theory]
    [InlineData(5, 64, 0)]
    [InlineData(3, 37, 0)]
    [InlineData(200, 129, 0)]
    [InlineData(4, 100, 1000)]
    public void LayerNorm_is_right_even_where_the_mean_is_far_from_zero(int rows, int columns, float offset)
    {
        using var scope = Ops.Scope();
        var x = numbers.Numbers(rows * columns).Select(v => v + offset).ToArray();
        var (weight, w) = numbers.Weight(1, columns, WeightType.BF16);
        var (bias, b) = numbers.Weight(1, columns);
        // Results are of the order of 2. Around 1000 the mean itself is rounded at 6e-5, which one-pass variances would turn into errors of order 1.
        Expect(Ops.LayerNorm(Upload(x, rows), weight, bias, 1e-5f), TensorReference.LayerNorm(x, w, b, 1e-5), offset == 0 ? 3e-6 : 3e-4);
    }

    [Theory]
    [InlineData(true, 3, 8)]
    [InlineData(false, 3, 8)]
    [InlineData(true, 2, 10)]
    [InlineData(false, 1, 10)]
    [InlineData(true, 4, 88)]
    [InlineData(false, 4, 64)]
    public void Rope_rotates_the_pairs_of_every_head(bool interleaved, int heads, int headSize)
    {
        using var scope = Ops.Scope();
        const int rows = 7;
        var x = numbers.Numbers(rows * heads * headSize);
        var angles = numbers.Numbers(rows * headSize / 2, 3);
        float[] cosines = [.. angles.Select(MathF.Cos)], sines = [.. angles.Select(MathF.Sin)];
        var rotation = new Rotation(Upload(cosines, rows), Upload(sines, rows), interleaved);
        // Two products and a sum of numbers below 2 in float32: 5e-7.
        Expect(Ops.Rope(Upload(x, rows), rotation, headSize), TensorReference.Rope(x, cosines, sines, interleaved, heads * headSize, headSize), 5e-7);
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(3, 67)]
    [InlineData(700, 301)]
    public void Elementwise_operations_follow_their_formulas(int rows, int columns)
    {
        using var scope = Ops.Scope();
        float[] x = numbers.Numbers(rows * columns, 9), y = numbers.Numbers(rows * columns, 2);
        var (a, b) = (Upload(x, rows), Upload(y, rows));
        // One rounding of numbers below 18: 2e-6.
        Expect(Ops.Add(a, b), x.Zip(y, (u, v) => (double)u + v).ToArray(), 2e-6);
        Expect(Ops.Multiply(a, b), x.Zip(y, (u, v) => (double)u * v).ToArray(), 2e-6);
        // exp and erf to about 1e-7 relative, times x below 9 (and the gate's partner below 2): 2e-6 and 4e-6.
        Expect(Ops.Silu(a), x.Select(v => v * TensorReference.Sigmoid(v)).ToArray(), 2e-6);
        Expect(Ops.Sigmoid(a), x.Select(v => TensorReference.Sigmoid(v)).ToArray(), 3e-7);
        Expect(Ops.Gelu(a), x.Select(v => TensorReference.Gelu(v)).ToArray(), 2e-6);
        Expect(Ops.SwiGlu(a, b), x.Zip(y, (u, v) => u * TensorReference.Sigmoid(u) * v).ToArray(), 4e-6);
        var factors = numbers.Numbers(rows);
        Expect(Ops.ScaleRows(a, Upload(factors, rows)), x.Select((v, i) => (double)v * factors[i / columns]).ToArray(), 1e-6);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, -1)]
    [InlineData(2, 1)]
    public void A_gate_lets_the_tanh_of_its_number_through(int type, float factor)
    {
        using var scope = Ops.Scope();
        float[] x = numbers.Numbers(7 * 37), update = numbers.Numbers(7 * 37);
        var (gate, g) = numbers.Weight(1, 1, (WeightType)type);
        var expected = x.Zip(update, (a, b) => a + (factor * Math.Tanh(g[0]) * b)).ToArray();
        // tanh, a product and a sum of numbers below 1 in float32: 3e-7.
        Expect(Ops.AddGated(Upload(x, 7), Upload(update, 7), gate, factor), expected, 3e-7);
        var (wide, _) = numbers.Weight(1, 2);
        Assert.Throws<ArgumentException>(() => Ops.AddGated(Upload(x, 7), Upload(update, 7), wide));
    }

    [Fact]
    public void Columns_of_several_tensors_can_take_turns()
    {
        using var scope = Ops.Scope();
        var mixed = Ops.InterleaveColumns([Upload([1, 2, 3, 4], 2), Upload([5, 6, 7, 8], 2), Upload([9, 10, 11, 12], 2)]);
        Assert.Equal((2, 6), (mixed.Rows, mixed.Columns));
        Assert.Equal([1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12], Values(mixed));
        Assert.Throws<ArgumentException>(() => Ops.InterleaveColumns([Upload([1, 2], 1), Upload([1, 2], 2)]));
    }

    [Fact]
    public void Activations_of_extreme_numbers_are_their_limits_and_a_nan_stays_a_nan()
    {
        using var scope = Ops.Scope();
        var x = Upload([-1e30f, -200, -100, 100, 200, 1e30f, float.NaN, 0], 1);
        // exp is cut off near the smallest normal number: far below any tolerance that matters.
        float[] silu = Values(Ops.Silu(x)), sigmoid = Values(Ops.Sigmoid(x)), gelu = Values(Ops.Gelu(x));
        Assert.All((float[])[silu[1], silu[2], sigmoid[0], sigmoid[1], sigmoid[2], gelu[0], gelu[1], gelu[2]], v => Assert.InRange(v, -1e-30, 1e-30));
        Assert.All((float[])[sigmoid[3], sigmoid[4], sigmoid[5]], v => Assert.Equal(1, v));
        Assert.All((float[][])[silu, gelu], v => Assert.Equal([100f, 200f, 1e30f], v[3..6]));
        Assert.All((float[][])[silu, gelu, sigmoid], v => Assert.True(float.IsNaN(v[6])));
    }

    [Fact]
    public void Swiglu_equals_its_default_made_of_primitives()
    {
        using var scope = Ops.Scope();
        var (gate, up) = (Upload(numbers.Numbers(3 * 50, 5), 3), Upload(numbers.Numbers(3 * 50), 3));
        var primitive = Values(Ops.Multiply(Ops.Silu(gate), up));
        var fused = Values(Ops.SwiGlu(gate, up));
        // One rounding more or less of numbers below 5.
        for (var i = 0; i < fused.Length; i++) Assert.Equal(primitive[i], fused[i], 1e-6);
    }

    [Fact]
    public void Rows_can_be_gathered_scattered_joined_and_reshaped()
    {
        using var scope = Ops.Scope();
        float[] x = numbers.Numbers(4 * 9), y = numbers.Numbers(2 * 9);
        var (a, b) = (Upload(x, 4), Upload(y, 2));
        Assert.Equal([.. x[27..36], .. x[0..9], .. x[27..36]], Values(Ops.GatherRows(a, [3, 0, 3])));
        Assert.Equal([.. x[0..9], .. y[9..18], .. x[18..27], .. y[0..9]], Values(Ops.ScatterRows(a, [3, 1], b)));
        Assert.Equal([.. x, .. y], Values(Ops.ConcatRows(a, b)));
        var flat = Ops.Reshape(a, 12, 3);
        Assert.Equal((12, 3), (flat.Rows, flat.Columns));
        Assert.Equal(x, Values(flat));
    }

    [Fact]
    public void Empty_tensors_are_fine()
    {
        using var scope = Ops.Scope();
        var (weight, _) = numbers.Weight(5, 8);
        var none = Ops.Upload([], 0, 8);
        Assert.Equal((0, 5), (Ops.Linear(none, weight).Rows, Ops.Linear(none, weight).Columns));
        Assert.Equal(0, Ops.Silu(none).Length);
        Assert.Equal(0, Ops.GatherRows(none, []).Rows);
    }
}
