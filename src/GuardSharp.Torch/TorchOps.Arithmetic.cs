using GuardSharp.Tensors;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Torch;

/// <remarks>The operations on numbers. Shapes: N rows, C columns.</remarks>
internal sealed partial class TorchOps
{
    /// <inheritdoc/>
    public Tensor Embed(ReadOnlySpan<int> ids, Weight table)
    {
        using var frame = Open();
        var index = Index(ids, table.Rows, $"Row of \"{table.Name}\"");
        if (table is not LowRankWeight low)
        {
            return frame.Return(Resolve(table).AsMatrix().index_select(0, index));
        }

        RequireLowRank(low);
        var change = functional.linear(Resolve(low.B).AsMatrix().index_select(0, index), Resolve(low.A).AsMatrix().t());
        return frame.Return(Sum(Resolve(low.Base).AsMatrix().index_select(0, index), change * Constant(low.Scale)));
    }

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        RequireInputs(x, weight);
        if (bias is not null)
        {
            RequireVector(bias, weight.Rows, weight.Rows, weight.Columns);
        }

        using var frame = Open();
        return frame.Return(Product(AsTorch(x), weight, bias is null ? null : Resolve(bias).AsVector()));
    }

    /// <inheritdoc/>
    public Tensor LinearRows(Tensor x, Weight weight, ReadOnlySpan<int> outputs)
    {
        RequireInputs(x, weight);
        using var frame = Open();
        var index = Index(outputs, weight.Rows, $"Row of \"{weight.Name}\"");
        var input = AsTorch(x);
        if (weight is not LowRankWeight low)
        {
            return frame.Return(functional.linear(input, Resolve(weight).AsMatrix().index_select(0, index)));
        }

        RequireLowRank(low);
        var full = functional.linear(input, Resolve(low.Base).AsMatrix().index_select(0, index));
        var change = functional.linear(Product(Dropped(input, low), low.A, null), Resolve(low.B).AsMatrix().index_select(0, index));
        return frame.Return(Sum(full, change * Constant(low.Scale)));
    }

    /// <inheritdoc/>
    public Tensor RmsNorm(Tensor x, Weight? weight, float epsilon, int groups = 1)
    {
        if (groups < 1 || x.Columns % groups != 0)
        {
            throw new ArgumentException($"The {x.Columns} columns of x {Show(x)} cannot be divided into {groups} equal groups.", nameof(groups));
        }

        if (weight is not null)
        {
            RequireVector(weight, x.Columns / groups, x.Rows, x.Columns);
        }

        using var frame = Open();
        var input = AsTorch(x);
        var parts = groups == 1 ? input : input.view((long)x.Rows * groups, x.Columns / groups); // [N * groups, C / groups]
        var mean = (parts * parts).mean([1], keepdim: true); // [N * groups, 1]
        var result = parts * Sum(mean, Constant(epsilon)).rsqrt();
        result = weight is null ? result : result * Resolve(weight).AsVector();
        return frame.Return(groups == 1 ? result : result.view(x.Rows, x.Columns));
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight weight, Weight bias, float epsilon)
    {
        RequireVector(weight, x.Columns, x.Rows, x.Columns);
        RequireVector(bias, x.Columns, x.Rows, x.Columns);
        using var frame = Open();
        return frame.Return(functional.layer_norm(AsTorch(x), [x.Columns], Resolve(weight).AsVector(), Resolve(bias).AsVector(), epsilon));
    }

    /// <inheritdoc/>
    public Tensor Rope(Tensor x, Rotation rotation, int headSize)
    {
        var (cosines, sines) = (rotation.Cosines, rotation.Sines);
        if (headSize < 2 || headSize % 2 != 0 || x.Columns % headSize != 0)
        {
            throw new ArgumentException($"x {Show(x)} does not consist of heads of {headSize} numbers (an even number is needed).", nameof(headSize));
        }

        if ((cosines.Rows, cosines.Columns) != (x.Rows, headSize / 2) || (sines.Rows, sines.Columns) != (x.Rows, headSize / 2))
        {
            throw new ArgumentException($"Cosines {Show(cosines)} and sines {Show(sines)} must both be [{x.Rows}, {headSize / 2}].", nameof(rotation));
        }

        using var frame = Open();
        var (cos, sin) = (AsTorch(cosines).unsqueeze(1), AsTorch(sines).unsqueeze(1)); // [N, 1, D / 2]
        var heads = x.Columns / headSize;
        if (rotation.Interleaved)
        {
            // A pair is a complex number, and the rotation a product with cos + i sin: one pass over x.
            var pairs = AsTorch(x).view(x.Rows, heads, headSize / 2, 2).view_as_complex(); // [N, H, D / 2]
            return frame.Return((pairs * torch.complex(cos, sin)).view_as_real().view(x.Rows, x.Columns));
        }

        var halves = AsTorch(x).view(x.Rows, heads, headSize);
        var (a, b) = (halves.narrow(2, 0, headSize / 2), halves.narrow(2, headSize / 2, headSize / 2));
        return frame.Return(torch.cat([Sum(a * cos, (b * sin).neg()), Sum(a * sin, b * cos)], 2).view(x.Rows, x.Columns));
    }

    /// <inheritdoc/>
    public Tensor Add(Tensor a, Tensor b)
    {
        RequireSame(a, b);
        using var frame = Open();
        return frame.Return(Sum(AsTorch(a), AsTorch(b)));
    }

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b)
    {
        RequireSame(a, b);
        using var frame = Open();
        return frame.Return(AsTorch(a) * AsTorch(b));
    }

    /// <inheritdoc/>
    public Tensor AddGated(Tensor x, Tensor update, Weight gate, float factor = 1)
    {
        RequireSame(x, update);
        RequireVector(gate, 1, x.Rows, x.Columns);
        using var frame = Open();
        var change = AsTorch(update) * Resolve(gate).AsVector().tanh();
        return frame.Return(Sum(AsTorch(x), factor == 1 ? change : change * Constant(factor)));
    }

    /// <inheritdoc/>
    public Tensor InterleaveColumns(IReadOnlyList<Tensor> parts)
    {
        foreach (var part in parts)
        {
            RequireSame(parts[0], part);
        }

        using var frame = Open();
        var all = torch.stack([.. parts.Select(AsTorch)], 2); // [N, C, K]
        return frame.Return(all.view(parts[0].Rows, (long)parts[0].Columns * parts.Count));
    }

    /// <inheritdoc/>
    public Tensor ScaleRows(Tensor x, Tensor factors)
    {
        if (factors.Rows != x.Rows || factors.Columns != 1)
        {
            throw new ArgumentException($"Factors are {Show(factors)}, but x {Show(x)} needs [{x.Rows}, 1].", nameof(factors));
        }

        using var frame = Open();
        return frame.Return(AsTorch(x) * AsTorch(factors));
    }

    /// <inheritdoc/>
    public Tensor Silu(Tensor x)
    {
        using var frame = Open();
        return frame.Return(functional.silu(AsTorch(x)));
    }

    /// <inheritdoc/>
    public Tensor Gelu(Tensor x)
    {
        using var frame = Open();
        return frame.Return(AsTorch(x).gelu());
    }

    /// <inheritdoc/>
    public Tensor Sigmoid(Tensor x)
    {
        using var frame = Open();
        return frame.Return(AsTorch(x).sigmoid());
    }

    /// <inheritdoc/>
    public Tensor GatherRows(Tensor x, ReadOnlySpan<int> rows)
    {
        using var frame = Open();
        return frame.Return(AsTorch(x).index_select(0, Index(rows, x.Rows, "Row")));
    }

    /// <inheritdoc/>
    public Tensor ScatterRows(Tensor x, ReadOnlySpan<int> rows, Tensor source)
    {
        if (source.Rows != rows.Length || source.Columns != x.Columns)
        {
            throw new ArgumentException($"Source is {Show(source)}, but {rows.Length} rows of x {Show(x)} need [{rows.Length}, {x.Columns}].", nameof(source));
        }

        using var frame = Open();
        return frame.Return(AsTorch(x).index_copy(0, Index(rows, x.Rows, "Row"), AsTorch(source)));
    }

    /// <inheritdoc/>
    public Tensor ConcatRows(Tensor a, Tensor b)
    {
        if (a.Columns != b.Columns)
        {
            throw new ArgumentException($"a {Show(a)} and b {Show(b)} must have the same number of columns.", nameof(b));
        }

        using var frame = Open();
        return frame.Return(torch.cat([AsTorch(a), AsTorch(b)], 0));
    }

    /// <inheritdoc/>
    public Tensor Reshape(Tensor x, int rows, int columns)
    {
        if (rows < 0 || columns < 0 || (long)rows * columns != x.Length)
        {
            throw new ArgumentException($"x {Show(x)} has {x.Length} numbers and cannot become [{rows}, {columns}].", nameof(rows));
        }

        using var frame = Open();
        return frame.Return(AsTorch(x).view(rows, columns));
    }

    private static void RequireSame(Tensor a, Tensor b)
    {
        if (a.Rows != b.Rows || a.Columns != b.Columns)
        {
            throw new ArgumentException($"a {Show(a)} and b {Show(b)} must have the same shape.", nameof(b));
        }
    }

    private static void RequireInputs(Tensor x, Weight weight)
    {
        if (x.Columns != weight.Columns)
        {
            throw new ArgumentException($"x is {Show(x)}, but the weight \"{weight.Name}\" [{weight.Rows}, {weight.Columns}] takes {weight.Columns} columns.", nameof(x));
        }
    }

    private static void RequireVector(Weight vector, int length, int rows, int columns)
    {
        if (vector.Rows != 1 || vector.Columns != length)
        {
            throw new ArgumentException(
                $"The weight \"{vector.Name}\" is [{vector.Rows}, {vector.Columns}], but [1, {length}] is needed for [{rows}, {columns}].", nameof(vector));
        }
    }

    private static void RequireLowRank(LowRankWeight weight)
    {
        var (a, b) = (weight.A, weight.B);
        if (a.Columns != weight.Columns || b.Rows != weight.Rows || a.Rows != b.Columns)
        {
            throw new ArgumentException(
                $"\"{weight.Name}\" [{weight.Rows}, {weight.Columns}] has A [{a.Rows}, {a.Columns}] and B [{b.Rows}, {b.Columns}]; [rank, {weight.Columns}] and [{weight.Rows}, rank] are needed.",
                nameof(weight));
        }
    }

    /// <summary>x Wᵀ + bias of torch tensors, rounded as <see cref="BFloat16Products"/> says: for what learns beside a network.</summary>
    public torch.Tensor Product(torch.Tensor x, torch.Tensor matrix, torch.Tensor? bias)
    {
        if (!BFloat16Products)
        {
            return functional.linear(x, matrix, bias);
        }

        var product = functional.linear(x.to(torch.ScalarType.BFloat16), matrix.to(torch.ScalarType.BFloat16)).to(torch.ScalarType.Float32);
        return bias is null ? product : Sum(product, bias);
    }

    /// <summary>x Wᵀ + bias; for a low-rank weight x Wᵀ + bias + scale (x Aᵀ) Bᵀ, so that W itself is never made.</summary>
    private torch.Tensor Product(torch.Tensor x, Weight weight, torch.Tensor? bias)
    {
        if (weight is not LowRankWeight low)
        {
            return Product(x, Resolve(weight).AsMatrix(), bias);
        }

        RequireLowRank(low);
        return Sum(Product(x, low.Base, bias), Product(Product(Dropped(x, low), low.A, null), low.B, null) * Constant(low.Scale));
    }

    /// <summary>Inputs of an adapter with a random share of them zero and the others larger by as much (arXiv:1207.0580), while it is trained.</summary>
    private torch.Tensor Dropped(torch.Tensor x, LowRankWeight weight)
    {
        if (Dropout is null || !Gradients || weight.Dropout == 0)
        {
            return x;
        }

        var kept = torch.rand(x.shape, device: Device, generator: Dropout).ge(Constant((float)weight.Dropout)).to(torch.ScalarType.Float32);
        return x * kept * Constant((float)(1 / (1 - weight.Dropout)));
    }
}
