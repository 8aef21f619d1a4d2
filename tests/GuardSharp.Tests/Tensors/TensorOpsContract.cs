using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors;

/// <summary>What every backend must do. A backend's test class derives from this and hands in its operations.</summary>
/// <remarks>Every result is compared with <see cref="TensorReference"/> (double precision).</remarks>
public abstract partial class TensorOpsContract : IDisposable
{
    private readonly TestNumbers numbers = new();

    private protected TensorOpsContract(ITensorOps ops) => Ops = ops;

    private protected ITensorOps Ops { get; }

    public void Dispose()
    {
        Ops.Dispose();
        numbers.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void What_was_uploaded_is_read_back()
    {
        using var scope = Ops.Scope();
        var values = numbers.Numbers(3 * 7);
        Assert.Equal(values, Values(Ops.Upload(values, 3, 7)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Embedding_takes_the_rows_of_the_ids(int type)
    {
        using var scope = Ops.Scope();
        var (table, values) = numbers.Weight(11, 37, (WeightType)type);
        int[] ids = [10, 0, 3, 3];
        Expect(Ops.Embed(ids, table), ids.SelectMany(id => values.AsSpan(id * 37, 37).ToArray()).Select(v => (double)v).ToArray(), 0);
    }

    [Fact]
    public void Embedding_an_id_beyond_the_table_is_an_error()
    {
        using var scope = Ops.Scope();
        var (table, _) = numbers.Weight(11, 4);
        Assert.Throws<ArgumentException>(() => Ops.Embed([11], table));
        Assert.Throws<ArgumentException>(() => Ops.Embed([-1], table));
    }

    // Odd sizes on purpose: every kernel has a tile height, a tile width and a step along the inputs, and each needs a remainder.
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 64, 48)]
    [InlineData(1, 33, 17)]
    [InlineData(2, 255, 31)]
    [InlineData(3, 257, 5)]
    [InlineData(7, 100, 103)]
    [InlineData(9, 16, 12)]
    [InlineData(25, 256, 256)]
    [InlineData(33, 19, 45)]
    [InlineData(64, 300, 1)]
    [InlineData(65, 1, 70)]
    [InlineData(130, 1031, 67)]
    public void A_linear_layer_is_the_product_with_the_transposed_weight(int rows, int inputs, int outputs)
    {
        foreach (var type in Enum.GetValues<WeightType>())
        {
            foreach (var transposed in (bool[])[false, true])
            {
                using var scope = Ops.Scope();
                var x = numbers.Numbers(rows * inputs);
                var (weight, w) = numbers.Weight(outputs, inputs, type, transposed);
                var (bias, b) = numbers.Weight(1, outputs, type);
                // The terms are below 1: a sum of n of them in float32 is off by less than n * 6e-8 * its partial sums, which stay near sqrt(n).
                var tolerance = 2e-6 * Math.Sqrt(inputs);
                Expect(Ops.Linear(Upload(x, rows), weight), TensorReference.Linear(x, w, null, rows, inputs, outputs), tolerance);
                Expect(Ops.Linear(Upload(x, rows), weight, bias), TensorReference.Linear(x, w, b, rows, inputs, outputs), tolerance);
            }
        }
    }

    [Fact]
    public void Half_precision_weights_keep_their_extremes()
    {
        using var scope = Ops.Scope();
        float[] values = [6e-8f, -6.1e-5f, 65504, -65504, 0, -0f, 1, float.PositiveInfinity, float.NegativeInfinity];
        var table = numbers.Store(values, 1, values.Length, WeightType.F16);
        Assert.Equal(values, Values(Ops.Embed([0], table)));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(40)]
    public void A_low_rank_weight_adds_its_product_to_the_base(int rows)
    {
        using var scope = Ops.Scope();
        var x = numbers.Numbers(rows * 24);
        var (weight, w) = numbers.Weight(18, 24, WeightType.BF16);
        var (down, a) = numbers.Weight(3, 24);
        var (up, b) = numbers.Weight(18, 3);
        var (bias, biasValues) = numbers.Weight(1, 18);
        var merged = w.Select((v, i) => (float)(v + (0.5 * Enumerable.Range(0, 3).Sum(r => (double)b[(i / 24 * 3) + r] * a[(r * 24) + (i % 24)])))).ToArray();
        var lowRank = new LowRankWeight(weight, down, up, 0.5f);
        // Sums of 24 terms below 4, in another order than the merged weight: 1e-5.
        Expect(Ops.Linear(Upload(x, rows), lowRank, bias), TensorReference.Linear(x, merged, biasValues, rows, 24, 18), 1e-5);
        int[] outputs = [17, 2];
        var some = outputs.SelectMany(o => merged.AsSpan(o * 24, 24).ToArray()).ToArray();
        Expect(Ops.LinearRows(Upload(x, rows), lowRank, outputs), TensorReference.Linear(x, some, null, rows, 24, 2), 1e-5);
        Expect(Ops.Embed(outputs, lowRank), some.Select(v => (double)v).ToArray(), 1e-6);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(50, false)]
    [InlineData(50, true)]
    public void Chosen_rows_of_a_linear_layer_equal_those_of_the_whole(int rows, bool transposed)
    {
        using var scope = Ops.Scope();
        int[] outputs = [41, 0, 7, 7, 12];
        foreach (var type in Enum.GetValues<WeightType>())
        {
            var x = numbers.Numbers(rows * 70);
            var (weight, w) = numbers.Weight(42, 70, type, transposed);
            var some = outputs.SelectMany(o => w.AsSpan(o * 70, 70).ToArray()).ToArray();
            // 70 terms below 1 in float32 (see above): 2e-5.
            Expect(Ops.LinearRows(Upload(x, rows), weight, outputs), TensorReference.Linear(x, some, null, rows, 70, outputs.Length), 2e-5);
        }
    }

    [Fact]
    public void The_result_of_a_row_hardly_depends_on_the_rows_beside_it()
    {
        using var scope = Ops.Scope();
        var x = numbers.Numbers(70 * 300);
        var (weight, _) = numbers.Weight(90, 300);
        var together = Values(Ops.Linear(Upload(x, 70), weight));
        foreach (var row in (int[])[0, 31, 69])
        {
            var alone = Values(Ops.Linear(Upload(x.AsSpan(row * 300, 300).ToArray(), 1), weight));
            // Only the order of 300 additions may differ: 2e-5.
            for (var i = 0; i < 90; i++) Assert.Equal(together[(row * 90) + i], alone[i], 2e-5);
        }
    }

    private Tensor Upload(float[] values, int rows) => Ops.Upload(values, rows, values.Length / rows);

    private float[] Values(Tensor tensor)
    {
        var values = new float[tensor.Length];
        Ops.Read(tensor, values);
        return values;
    }

    private void Expect(Tensor actual, double[] expected, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        var values = Values(actual);
        for (var i = 0; i < values.Length; i++)
        {
            if (!(Math.Abs(values[i] - expected[i]) <= tolerance))
            {
                Assert.Fail($"Element {i} of [{actual.Rows}, {actual.Columns}] is {values[i]:R}, expected {expected[i]:R} within {tolerance:E1}.");
            }
        }
    }
}
