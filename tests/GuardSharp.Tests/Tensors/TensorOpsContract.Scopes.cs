using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors;

/// <summary>Scopes, purity, wrong shapes.</summary>
public abstract partial class TensorOpsContract
{
    [Fact]
    public void Kept_tensors_outlive_their_scope_also_when_reshaped()
    {
        using var outer = Ops.Scope();
        float[] x = numbers.Numbers(6 * 8);
        Tensor kept, reshaped;
        using (Ops.Scope())
        {
            using (Ops.Scope())
            {
                var a = Upload(x, 6);
                kept = Ops.Keep(Ops.Add(a, a));
                reshaped = Ops.Keep(Ops.Reshape(Ops.Multiply(a, a), 12, 4));
            }

            (kept, reshaped) = (Ops.Keep(kept), Ops.Keep(reshaped));
        }

        // Fresh results must not land in the kept memory.
        for (var i = 0; i < 4; i++) Upload(numbers.Numbers(48), 6);
        Assert.Equal(x.Select(v => v + v), Values(kept));
        Assert.Equal(x.Select(v => v * v), Values(reshaped));
    }

    [Fact]
    public void Operations_never_change_their_arguments()
    {
        using var scope = Ops.Scope();
        float[] x = numbers.Numbers(10 * 8), y = numbers.Numbers(10 * 8);
        var (a, b) = (Upload(x, 10), Upload(y, 10));
        var (weight, w) = numbers.Weight(8, 8);
        var (vector, values) = numbers.Weight(1, 8);
        var rotation = new Rotation(Upload(numbers.Numbers(20), 10), Upload(numbers.Numbers(20), 10), true);
        var plan = new AttentionPlan([SequenceSpan.Self(0, 10)], 0, 2, 2, 4, 1, AttentionMask.Causal);
        _ = (Ops.Linear(a, weight, vector), Ops.RmsNorm(a, vector, 1e-5f), Ops.LayerNorm(a, vector, vector, 1e-5f), Ops.Rope(a, rotation, 4));
        _ = (Ops.Add(a, b), Ops.Multiply(a, b), Ops.Silu(a), Ops.Gelu(a), Ops.Sigmoid(a), Ops.SwiGlu(a, b), Ops.Attention(a, b, b, plan));
        _ = (Ops.ScatterRows(a, [1], Ops.GatherRows(b, [2])), Ops.ConcatRows(a, b), Ops.ScaleRows(a, Upload(numbers.Numbers(10), 10)));
        Assert.Equal(x, Values(a));
        Assert.Equal(y, Values(b));
        Assert.Equal([.. w, .. values], [.. Values(Ops.Embed([0, 1, 2, 3, 4, 5, 6, 7], weight)), .. Values(Ops.Embed([0], vector))]);
    }

    [Fact]
    public void Wrong_shapes_are_errors_that_name_both()
    {
        using var scope = Ops.Scope();
        Tensor a = Upload(numbers.Numbers(35), 5), b = Upload(numbers.Numbers(55), 5);
        var (weight, _) = numbers.Weight(3, 9);
        var (vector, _) = numbers.Weight(1, 6);
        var rotation = new Rotation(b, b, true);
        AttentionPlan plan = new([SequenceSpan.Self(0, 5)], 0, 1, 1, 11, 1, AttentionMask.Full), beyond = new([SequenceSpan.Self(2, 5)], 0, 1, 1, 7, 1, AttentionMask.Full);
        Names(() => Ops.Linear(a, weight), "[5, 7]", "[3, 9]");
        Names(() => Ops.LinearRows(a, weight, [0]), "[5, 7]", "[3, 9]");
        Names(() => Ops.Linear(Upload(numbers.Numbers(45), 5), weight, vector), "[1, 6]", "[3, 9]");
        Names(() => Ops.RmsNorm(a, vector, 1e-5f), "[5, 7]", "[1, 6]");
        Names(() => Ops.LayerNorm(a, vector, vector, 1e-5f), "[5, 7]", "[1, 6]");
        Names(() => Ops.Rope(a, rotation, 7), "[5, 7]", "7");
        Names(() => Ops.Add(a, b), "[5, 7]", "[5, 11]");
        Names(() => Ops.Multiply(a, b), "[5, 7]", "[5, 11]");
        Names(() => Ops.SwiGlu(a, b), "[5, 7]", "[5, 11]");
        Names(() => Ops.ScaleRows(a, b), "[5, 7]", "[5, 11]");
        Names(() => Ops.ConcatRows(a, b), "[5, 7]", "[5, 11]");
        Names(() => Ops.Reshape(a, 5, 8), "[5, 7]", "[5, 8]");
        Names(() => Ops.ScatterRows(a, [0, 1], b), "[5, 7]", "[5, 11]");
        Names(() => Ops.Upload([1, 2, 3], 2, 2), "3", "[2, 2]");
        Names(() => Ops.Attention(a, a, a, plan), "[5, 7]", "11");
        Assert.Throws<ArgumentException>(() => Ops.Attention(a, a, a, beyond));
        Assert.Throws<ArgumentException>(() => Ops.GatherRows(a, [5]));
        Assert.Throws<ArgumentException>(() => Ops.ScatterRows(a, [-1], Upload(numbers.Numbers(7), 1)));
        Assert.Throws<ArgumentException>(() => Ops.Read(a, new float[34]));
        static void Names(Action action, params string[] parts)
        {
            var error = Assert.ThrowsAny<ArgumentException>(action);
            Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        }
    }
}
