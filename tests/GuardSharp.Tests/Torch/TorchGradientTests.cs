using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;
using TensorFunction = System.Func<GuardSharp.Torch.TorchOps, GuardSharp.Tensors.Tensor, GuardSharp.Tensors.Tensor>;

namespace GuardSharp.Tests.Torch;

/// <summary>Gradients of every operation against finite differences.</summary>
public sealed class TorchGradientTests
{
    private const int Rows = 5;
    private const int Columns = 8;

    private static readonly Dictionary<string, TensorFunction> Functions = new()
    {
        ["linear"] = (ops, x) => ops.Linear(x, Weight("w", 3, Columns), Weight("b", 1, 3)),
        ["low rank"] = (ops, x) => ops.Linear(x, new LowRankWeight(Weight("w", 3, Columns), Weight("a", 2, Columns), Weight("b2", 3, 2), 0.5f)),
        ["linear rows"] = (ops, x) => ops.LinearRows(x, Weight("w", 6, Columns), [4, 1]),
        ["rms norm"] = (ops, x) => ops.RmsNorm(x, Weight("n", 1, Columns), 1e-5f),
        ["rms norm of groups"] = (ops, x) => ops.RmsNorm(x, null, 1e-5f, 2),
        ["layer norm"] = (ops, x) => ops.LayerNorm(x, Weight("n", 1, Columns), Weight("b", 1, Columns), 1e-5f),
        ["rope of pairs"] = (ops, x) => ops.Rope(x, Angles(ops, true), 4),
        ["rope of halves"] = (ops, x) => ops.Rope(x, Angles(ops, false), 4),
        ["add"] = (ops, x) => ops.Add(x, Numbers(ops, "other", Rows, Columns)),
        ["multiply"] = (ops, x) => ops.Multiply(x, Numbers(ops, "other", Rows, Columns)),
        ["scale rows"] = (ops, x) => ops.ScaleRows(x, Numbers(ops, "other", Rows, 1)),
        ["silu"] = (ops, x) => ops.Silu(x),
        ["gelu"] = (ops, x) => ops.Gelu(x),
        ["sigmoid"] = (ops, x) => ops.Sigmoid(x),
        ["swiglu"] = (ops, x) => ((ITensorOps)ops).SwiGlu(x, x),
        ["gather rows"] = (ops, x) => ops.GatherRows(x, [4, 0, 0]),
        ["scatter rows into x"] = (ops, x) => ops.ScatterRows(x, [3, 1], Numbers(ops, "other", 2, Columns)),
        ["scatter rows of x"] = (ops, x) => ops.ScatterRows(Numbers(ops, "other", 9, Columns), [3, 1, 0, 7, 8], x),
        ["concat rows"] = (ops, x) => ops.ConcatRows(x, ops.ConcatRows(Numbers(ops, "other", 2, Columns), x)),
        ["reshape"] = (ops, x) => ops.Reshape(x, 4, 10),
        ["causal attention"] = (ops, x) => ops.Attention(x, Half(ops, x), Half(ops, x), Plan(AttentionMask.Causal)),
        ["chunked attention"] = (ops, x) => ops.Attention(x, Half(ops, x), Half(ops, x), Plan(AttentionMask.Chunked)),
        ["full attention"] = (ops, x) => ops.Attention(x, Half(ops, x), Half(ops, x), Plan(AttentionMask.Full)),
    };

    public static TheoryData<string> Names => [.. Functions.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_gradient_of_an_operation_is_the_slope_of_its_result(string name)
    {
        using var ops = new TorchOps { Gradients = true };
        using var scope = ops.Scope();
        var function = Functions[name];
        var leaf = Random("x", Rows, Columns).requires_grad_();
        var direction = Random("direction", Rows, Columns);
        var loss = Loss(ops, function, leaf);
        loss.backward();
        var slope = (leaf.grad! * direction).sum().item<float>();

        // Central difference: error about step² = 1e-4 of the third derivative; rounding 6e-8 / step times a loss near 10 = 1e-4.
        const float Step = 1e-2f;
        using var noGradients = torch.no_grad();
        var above = Loss(ops, function, leaf + (direction * Step)).item<float>();
        var below = Loss(ops, function, leaf - (direction * Step)).item<float>();
        var difference = (above - below) / (2 * Step);
        Assert.NotEqual(0, slope);
        Assert.Equal(difference, slope, 0.002 * Math.Max(1, Math.Abs(slope)));
    }

    [Fact]
    public void Gradients_reach_every_parameter_of_a_source_and_experts_share_one()
    {
        using var ops = new TorchOps { Gradients = true };
        using var weights = new TorchWeights(new InitialisedWeights(seed: 3), trainable: name => name != "frozen");
        var table = weights.Matrix("table", 7, Columns);
        var experts = weights.Experts("experts", 3, Columns, 4);
        var frozen = weights.Matrix("frozen", 4, 4);
        var norm = weights.Vector("norm.weight", Columns);
        using (ops.Scope())
        {
            var x = ops.RmsNorm(ops.Embed([1, 6, 1], table), norm, 1e-5f);
            TorchOps.AsTorch(ops.Linear(ops.Linear(x, experts[1]), frozen)).sum().backward();
        }

        Assert.Equal(["experts", "norm.weight", "table"], weights.Trainable.Select(t => t.Name).Order());
        Assert.Null(weights.Parameters["frozen"].grad);
        Assert.NotEqual(0, weights.Parameters["norm.weight"].grad!.abs().sum().item<float>());
        Assert.Equal([0f, 1f, 0f, 0f, 0f, 0f, 1f], weights.Parameters["table"].grad!.abs().sum(1).gt(0).to(torch.ScalarType.Float32).data<float>().ToArray());
        Assert.Equal([0f, 1f, 0f], weights.Parameters["experts"].grad!.abs().sum([1, 2]).gt(0).to(torch.ScalarType.Float32).data<float>().ToArray());
    }

    [Fact]
    public void Nothing_is_recorded_unless_gradients_are_wanted()
    {
        using var ops = new TorchOps();
        using var scope = ops.Scope();
        var x = ops.FromTorch(Random("x", Rows, Columns).requires_grad_());
        Assert.False(TorchOps.AsTorch(ops.Add(x, x)).requires_grad);
        ops.Gradients = true;
        Assert.True(TorchOps.AsTorch(ops.Add(x, x)).requires_grad);
        Assert.True(torch.is_grad_enabled());
    }

    [Fact]
    public void Products_in_bfloat16_are_close_and_their_gradients_are_float32()
    {
        using var ops = new TorchOps { Gradients = true };
        using var scope = ops.Scope();
        var x = Random("x", 16, 64).requires_grad_();
        var weight = Weight("w", 32, 64);
        var bias = Weight("b", 1, 32);
        var exact = TorchOps.AsTorch(ops.Linear(ops.FromTorch(x), weight, bias));
        ops.BFloat16Products = true;
        var rounded = TorchOps.AsTorch(ops.Linear(ops.FromTorch(x), weight, bias));
        rounded.sum().backward();
        Assert.Equal(torch.ScalarType.Float32, rounded.dtype);
        Assert.Equal(torch.ScalarType.Float32, x.grad!.dtype);
        // bfloat16 has 8 bits: 64 products near 1, each off by up to 2^-8, and a result near 8 off by 2^-6.
        Assert.InRange((rounded - exact).abs().max().item<float>(), 1e-4f, 0.15f);
    }

    [Fact]
    public void A_step_of_an_optimiser_changes_what_the_network_computes()
    {
        using var ops = new TorchOps { Gradients = true };
        using var weights = new TorchWeights(new InitialisedWeights(seed: 3), trainable: _ => true);
        var expert = weights.Experts("experts", 2, Columns, 4)[1];
        using var optimiser = torch.optim.AdamW([.. weights.Trainable.Select(t => t.Parameter)], lr: 0.05);
        var losses = new List<float>();
        for (var step = 0; step < 5; step++)
        {
            using var scope = ops.Scope();
            var y = TorchOps.AsTorch(ops.Linear(ops.FromTorch(Random("x", Rows, Columns)), expert));
            var loss = (y - 1).square().mean();
            optimiser.zero_grad();
            loss.backward();
            optimiser.step();
            losses.Add(loss.item<float>());
        }

        Assert.Equal(losses.OrderDescending(), losses);
        Assert.True(losses[4] < losses[0] * 0.9f, $"{losses[0]} only fell to {losses[4]}.");
    }

    private static torch.Tensor Loss(TorchOps ops, TensorFunction function, torch.Tensor x)
    {
        var result = TorchOps.AsTorch(function(ops, ops.FromTorch(x)));
        return (result * Random("loss", (int)result.size(0), (int)result.size(1))).sum();
    }

    private static torch.Tensor Random(string name, int rows, int columns) => ((TorchWeight)new InitialisedWeights(1, start: _ => new(0, 1)).Matrix(name, rows, columns)).Value.AttachToScope();

    private static TorchWeight Weight(string name, int rows, int columns) => new TorchWeight(name, rows, columns, Random(name, rows, columns).reshape(rows == 1 ? [columns] : [rows, columns]));

    private static Tensor Numbers(TorchOps ops, string name, int rows, int columns) => ops.FromTorch(Random(name, rows, columns));

    private static Rotation Angles(TorchOps ops, bool interleaved)
    {
        var angles = Random("angles", Rows, 2);
        return new Rotation(ops.FromTorch(angles.cos()), ops.FromTorch(angles.sin()), interleaved);
    }

    private static Tensor Half(TorchOps ops, Tensor x) => ops.FromTorch(TorchOps.AsTorch(x).narrow(1, 0, Columns / 2));

    // Two sequences of different length, two heads to a key head, the second sequence crossing a chunk.
    private static AttentionPlan Plan(AttentionMask mask) =>
        new([SequenceSpan.Self(0, 2), new SequenceSpan(2, 3, 2, 3, 1, null)], 0, 4, 2, 2, 0.6f, mask, 2);
}

file static class TensorExtensions
{
    public static torch.Tensor AttachToScope(this torch.Tensor tensor)
    {
        torch.CurrentDisposeScope?.Attach(tensor);
        return tensor;
    }
}
