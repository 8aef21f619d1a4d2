using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>A layer of a network with every kind of operation, sizes odd.</summary>
internal sealed class TestLayer
{
    private const int Heads = 4, HeadSize = 12, Width = Heads * HeadSize;
    private readonly ITensorOps ops;
    private readonly Weight norm, query, key, value, gate, up, down, expert, bias;
    private readonly float[] x, angles;
    private readonly int[] rowsToMove = [2, 0];
    private readonly SequenceSpan[] spans = new SequenceSpan[1];

    public TestLayer(ITensorOps ops, TestNumbers numbers)
    {
        this.ops = ops;
        (x, angles) = (numbers.Numbers(100 * Width), numbers.Numbers(100 * HeadSize / 2));
        (norm, bias) = (numbers.Weight(1, Width).Weight, numbers.Weight(1, Width).Weight);
        (query, key, value) = (numbers.Weight(Width, Width).Weight, numbers.Weight(Width / 2, Width, WeightType.BF16).Weight, numbers.Weight(Width / 2, Width, WeightType.F16).Weight);
        (gate, up, down) = (numbers.Weight(1001, Width).Weight, numbers.Weight(1001, Width, WeightType.BF16).Weight, numbers.Weight(Width, 1001, WeightType.BF16).Weight);
        expert = numbers.Weight(Width, Width, WeightType.BF16, transposed: true).Weight;
    }

    public Tensor Run(int rows)
    {
        var h = ops.Upload(x.AsSpan(0, rows * Width), rows, Width);
        var turn = ops.Upload(angles.AsSpan(0, rows * HeadSize / 2), rows, HeadSize / 2);
        var rotation = new Rotation(turn, turn, true);
        var normal = ops.RmsNorm(h, norm, 1e-5f);
        spans[0] = SequenceSpan.Self(0, rows);
        var plan = new AttentionPlan(spans, 0, Heads, Heads / 2, HeadSize, 0.3f, AttentionMask.Causal);
        h = ops.Add(h, ops.Attention(ops.Rope(ops.Linear(normal, query, bias), rotation, HeadSize), ops.Rope(ops.Linear(normal, key), rotation, HeadSize), ops.Linear(normal, value), plan));
        using (ops.Scope())
        {
            var inner = ops.LayerNorm(h, norm, bias, 1e-5f);
            h = ops.Keep(ops.Add(h, ops.Linear(ops.SwiGlu(ops.Linear(inner, gate), ops.Linear(inner, up)), down)));
        }

        h = ops.ScatterRows(h, rowsToMove, ops.Linear(ops.GatherRows(h, rowsToMove), expert));
        return ops.ConcatRows(ops.Gelu(h), ops.Reshape(ops.Sigmoid(h), rows, Width));
    }
}
