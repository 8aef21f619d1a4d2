namespace GuardSharp.Tensors;

/// <summary>Another backend, watched: told what every linear layer reads. For statistics, not for speed.</summary>
/// <param name="inner">What computes.</param>
/// <param name="read">Told the weight and its input [N, inputs] before each product, on the thread that owns the device.</param>
internal sealed class WatchedOps(ITensorOps inner, Action<Weight, Tensor> read) : ITensorOps
{
    public Action<string, Tensor>? Observer { get => inner.Observer; set => inner.Observer = value; }

    public OpScope Scope() => inner.Scope();

    public void EndScope(int depth) => inner.EndScope(depth);

    public Tensor Keep(Tensor tensor) => inner.Keep(tensor);

    public void Free(Tensor tensor) => inner.Free(tensor);

    public Tensor Upload(ReadOnlySpan<float> values, int rows, int columns) => inner.Upload(values, rows, columns);

    public void Read(Tensor tensor, Span<float> destination) => inner.Read(tensor, destination);

    public Tensor Embed(ReadOnlySpan<int> ids, Weight table) => inner.Embed(ids, table);

    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        read(weight, x);
        return inner.Linear(x, weight, bias);
    }

    public Tensor LinearRows(Tensor x, Weight weight, ReadOnlySpan<int> outputs)
    {
        read(weight, x);
        return inner.LinearRows(x, weight, outputs);
    }

    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionPlan plan) => inner.Attention(q, k, v, plan);

    public Tensor RmsNorm(Tensor x, Weight? weight, float epsilon, int groups = 1) => inner.RmsNorm(x, weight, epsilon, groups);

    public Tensor LayerNorm(Tensor x, Weight weight, Weight bias, float epsilon) => inner.LayerNorm(x, weight, bias, epsilon);

    public Tensor Rope(Tensor x, Rotation rotation, int headSize) => inner.Rope(x, rotation, headSize);

    public Tensor Add(Tensor a, Tensor b) => inner.Add(a, b);

    public Tensor Multiply(Tensor a, Tensor b) => inner.Multiply(a, b);

    public Tensor AddGated(Tensor x, Tensor update, Weight gate, float factor = 1) => inner.AddGated(x, update, gate, factor);

    public Tensor ScaleRows(Tensor x, Tensor factors) => inner.ScaleRows(x, factors);

    public Tensor Silu(Tensor x) => inner.Silu(x);

    public Tensor Gelu(Tensor x) => inner.Gelu(x);

    public Tensor Sigmoid(Tensor x) => inner.Sigmoid(x);

    public Tensor GatherRows(Tensor x, ReadOnlySpan<int> rows) => inner.GatherRows(x, rows);

    public Tensor ScatterRows(Tensor x, ReadOnlySpan<int> rows, Tensor source) => inner.ScatterRows(x, rows, source);

    public Tensor ConcatRows(Tensor a, Tensor b) => inner.ConcatRows(a, b);

    public Tensor InterleaveColumns(IReadOnlyList<Tensor> parts) => inner.InterleaveColumns(parts);

    public Tensor Reshape(Tensor x, int rows, int columns) => inner.Reshape(x, rows, columns);

    public KvCache CreateCache(int layers, int columns, int capacity, KvCache? parent = null, int? start = null, int heads = 1) =>
        inner.CreateCache(layers, columns, capacity, parent, start, heads);

    public Tensor SwiGlu(Tensor gate, Tensor up) => inner.SwiGlu(gate, up);

    public void Dispose() => inner.Dispose();
}
