namespace GuardSharp.Tensors.Cpu;

/// <summary>Norms, rotations, elements.</summary>
internal sealed unsafe partial class CpuOps
{
    private readonly ElementJob elements;
    private readonly NormJob norms;
    private readonly RopeJob ropes;

    public Tensor Add(Tensor a, Tensor b)
    {
        Shapes.Same(a, b);
        return Elementwise(Element.Add, a, b, 1);
    }

    public Tensor Multiply(Tensor a, Tensor b)
    {
        Shapes.Same(a, b);
        return Elementwise(Element.Multiply, a, b, 1);
    }

    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        Shapes.Same(gate, up);
        return Elementwise(Element.SwiGlu, gate, up, 8);
    }

    public Tensor Silu(Tensor x) => Elementwise(Element.Silu, x, x, 8);

    public Tensor Gelu(Tensor x) => Elementwise(Element.Gelu, x, x, 12);

    public Tensor Sigmoid(Tensor x) => Elementwise(Element.Sigmoid, x, x, 8);

    public Tensor RmsNorm(Tensor x, Weight? weight, float epsilon, int groups = 1)
    {
        Shapes.Vector(x, weight, groups);
        return Norm(x, weight, null, epsilon, groups, false);
    }

    public Tensor LayerNorm(Tensor x, Weight weight, Weight bias, float epsilon)
    {
        Shapes.Vector(x, weight, 1);
        Shapes.Vector(x, bias, 1);
        return Norm(x, weight, bias, epsilon, 1, true);
    }

    public Tensor Rope(Tensor x, Rotation rotation, int headSize)
    {
        var (cosines, sines) = (rotation.Cosines, rotation.Sines);
        if (headSize < 2 || headSize % 2 != 0 || x.Columns % headSize != 0 || cosines.Rows != x.Rows || cosines.Columns != headSize / 2
            || sines.Rows != cosines.Rows || sines.Columns != cosines.Columns)
        {
            Shapes.Refuse($"Rope: {Shapes.Of(x)} in heads of {headSize} needs cosines and sines [{x.Rows}, {headSize / 2}], got {Shapes.Of(cosines)} and {Shapes.Of(sines)}.");
        }

        var y = Make(x.Rows, x.Columns);
        ropes.Set(x, rotation, y, headSize);
        pool.Run(ropes, x.Rows, x.Length >= SmallWork);
        return y;
    }

    public Tensor ScaleRows(Tensor x, Tensor factors)
    {
        if (factors.Rows != x.Rows || factors.Columns != 1)
        {
            Shapes.Refuse($"ScaleRows: {Shapes.Of(x)} needs factors [{x.Rows}, 1], got {Shapes.Of(factors)}.");
        }

        var y = Make(x.Rows, x.Columns);
        for (var row = 0; row < x.Rows; row++)
        {
            kernels.Scale(Row(x, row), ((float*)factors.Data)[row], Row(y, row), x.Columns);
        }

        return y;
    }

    public Tensor AddGated(Tensor x, Tensor update, Weight gate, float factor = 1)
    {
        Shapes.Same(x, update);
        if (gate.Rows != 1 || gate.Columns != 1)
        {
            Shapes.Refuse($"AddGated: the gate {Shapes.Of(gate)} must be one number.");
        }

        float number;
        WriteRow(gate, 0, &number);
        var y = Make(x.Rows, x.Columns);
        Copy((float*)x.Data, (float*)y.Data, x.Length);
        return AddInPlace(y, update, factor * MathF.Tanh(number));
    }

    private static float* Row(Tensor x, int row) => (float*)x.Data + ((long)row * x.Columns);

    /// <param name="operation">What to do.</param>
    /// <param name="a">First argument.</param>
    /// <param name="b">Second argument, or the first again.</param>
    /// <param name="cost">Rough cost per number, an addition being 1.</param>
    private Tensor Elementwise(Element operation, Tensor a, Tensor b, int cost)
    {
        var y = Make(a.Rows, a.Columns);
        elements.Set(operation, a, b, y);
        pool.Run(elements, elements.Items, a.Length * cost >= SmallWork);
        return y;
    }

    private Tensor Norm(Tensor x, Weight? weight, Weight? bias, float epsilon, int groups, bool centred)
    {
        var y = Make(x.Rows, x.Columns);
        var factors = Vector(weight);
        var offsets = Vector(bias);
        norms.Set(x, y, groups, epsilon, centred);
        norms.SetVectors(factors, offsets);
        pool.Run(norms, x.Rows, x.Length * 2 >= SmallWork);
        Free(offsets);
        Free(factors);
        return y;
    }
}
