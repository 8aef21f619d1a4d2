using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>Products with weights that are decoded while they run, against the same products one by one.</summary>
public sealed unsafe class EncodedProductTests : IDisposable
{
    private readonly CpuOps _ops = new(2);

    public void Dispose() => _ops.Dispose();

    [Theory]
    [InlineData(1, 256, 3)]
    [InlineData(5, 512, 97)]
    [InlineData(40, 768, 13)]
    [InlineData(70, 1280, 110)]
    public void A_product_is_that_of_the_decoded_weights_and_the_rounded_activations(int rows, int inputs, int outputs)
    {
        using var scope = _ops.Scope();
        var (x, w, bias) = (Numbers(1, rows * inputs), Numbers(2, outputs * inputs), Numbers(3, outputs));
        var rounded = new float[x.Length];
        fixed (float* source = x, target = rounded, b = bias)
        {
            PieceRounding.Run(source, x.Length, target);
            var actual = Values(_ops.Linear(_ops.Upload(x, rows, inputs), Weight(w, outputs, inputs), new StoredWeight("bias", 1, outputs, WeightType.F32, (nint)b)));
            var expected = TensorReference.Linear(rounded, w, bias, rows, inputs, outputs);
            for (var i = 0; i < actual.Length; i++)
            {
                // As for stored weights: sums of n terms below 1.
                Assert.Equal(expected[i], actual[i], 2e-6 * Math.Sqrt(inputs));
            }
        }
    }

    [Fact]
    public void Rows_are_read_as_an_embedding()
    {
        using var scope = _ops.Scope();
        var w = Numbers(4, 5 * 512);
        Assert.Equal([.. w[1024..1536], .. w[..512]], Values(_ops.Embed([2, 0], Weight(w, 5, 512))));
    }

    [Fact]
    public void Activations_become_multiples_of_the_largest_over_127()
    {
        var x = Numbers(5, 512);
        (x[7], x[9], x[300]) = (-2, 2, 0);
        x.AsSpan(256).Clear();
        var y = new float[512];
        fixed (float* source = x, target = y)
        {
            PieceRounding.Run(source, 512, target);
        }

        Assert.Equal(-2, y[7], 1e-6f);
        Assert.Equal(2, y[9], 1e-6f);
        Assert.All(y[256..], value => Assert.Equal(0, value));
        for (var i = 0; i < 256; i++)
        {
            var steps = y[i] * 127 / 2;
            Assert.Equal(MathF.Round(steps), steps, 1e-4f);
            Assert.True(MathF.Abs(y[i] - x[i]) <= 1.0001f / 127);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_number_that_is_none_makes_its_row_none(float broken)
    {
        using var scope = _ops.Scope();
        var x = Numbers(6, 20 * 256);
        x[256 + 90] = broken;
        var y = Values(_ops.Linear(_ops.Upload(x, 20, 256), Weight(Numbers(7, 2 * 256), 2, 256)));
        Assert.All(y[..2], value => Assert.True(float.IsFinite(value)));
        Assert.All(y[2..4], value => Assert.False(float.IsFinite(value)));
        Assert.All(y[4..], value => Assert.True(float.IsFinite(value)));
    }

    private static EncodedWeight Weight(float[] w, int rows, int columns) =>
        new("test", rows, columns, (row, column, count, target) => w.AsSpan((row * columns) + column, count).CopyTo(new Span<float>(target, count)));

    private static float[] Numbers(int seed, int count)
    {
        using var numbers = new TestNumbers(seed);
        return numbers.Numbers(count);
    }

    private float[] Values(Tensor tensor)
    {
        var values = new float[tensor.Length];
        _ops.Read(tensor, values);
        return values;
    }
}
