namespace GuardSharp.Tensors;

/// <summary>The operations a network is written in. The CPU and the Torch backend implement them; one set of golden tests runs over both.</summary>
/// <remarks>
/// Pure: no operation changes an argument (attention appends to KV caches). Results live until the scope they were made in ends.
/// One thread at a time: scopes belong to the thread that owns the device, and nothing awaits inside one.
/// Shapes: N rows, C columns. A wrong shape is an <see cref="ArgumentException"/> that names both.
/// </remarks>
internal interface ITensorOps : IDisposable
{
    /// <summary>Listens to <see cref="Observe"/>: golden tests and <c>verify</c>. Null in production.</summary>
    Action<string, Tensor>? Observer { get; set; }

    /// <summary>Names of computing kernels that failed their check and were replaced by slower ones.</summary>
    IReadOnlyList<string> FailedKernels => [];

    /// <summary>Opens a scope: everything made until it is disposed is freed then, but for what <see cref="Keep"/> moved out. Scopes nest.</summary>
    OpScope Scope();

    /// <summary>Ends the innermost scope. Called by <see cref="OpScope.Dispose"/> only.</summary>
    void EndScope(int depth);

    /// <summary>Moves a tensor of the innermost scope to the scope around it.</summary>
    Tensor Keep(Tensor tensor);

    /// <summary>Gives a tensor back before its scope ends; it must not be used afterwards. A hint: a backend that records gradients ignores it.</summary>
    void Free(Tensor tensor)
    {
    }

    /// <summary>A tensor of the given numbers, row by row.</summary>
    Tensor Upload(ReadOnlySpan<float> values, int rows, int columns);

    /// <summary>Copies a tensor's numbers to the host, row by row.</summary>
    void Read(Tensor tensor, Span<float> destination);

    /// <summary>Rows of a table: [N, C] for N ids. Ids stay on the host.</summary>
    Tensor Embed(ReadOnlySpan<int> ids, Weight table);

    /// <summary>x Wᵀ (+ bias): [N, inputs] to [N, outputs].</summary>
    Tensor Linear(Tensor x, Weight weight, Weight? bias = null);

    /// <summary>x Wᵀ for the given rows of W only: [N, inputs] to [N, outputs.Length]. The head over the answer tokens.</summary>
    Tensor LinearRows(Tensor x, Weight weight, ReadOnlySpan<int> outputs);

    /// <summary>softmax(scale · q kᵀ + mask) v for each sequence and head, with caches: [N, H * D]. Never holds heads x N x N.</summary>
    Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionPlan plan);

    /// <summary>x / sqrt(mean(x²) + epsilon) * weight over each of <paramref name="groups"/> equal parts of a row. No weight: factor 1. A weight has Columns / groups numbers.</summary>
    Tensor RmsNorm(Tensor x, Weight? weight, float epsilon, int groups = 1);

    /// <summary>(x - mean) / sqrt(variance + epsilon) * weight + bias over each row.</summary>
    Tensor LayerNorm(Tensor x, Weight weight, Weight bias, float epsilon);

    /// <summary>Rotates the pairs of every head by the row's angles: (a, b) to (a cos - b sin, a sin + b cos). Columns are a multiple of headSize.</summary>
    Tensor Rope(Tensor x, Rotation rotation, int headSize);

    /// <summary>a + b, element by element.</summary>
    Tensor Add(Tensor a, Tensor b);

    /// <summary>a * b, element by element.</summary>
    Tensor Multiply(Tensor a, Tensor b);

    /// <summary>x + factor * tanh(gate) * update; the gate is one trained number [1, 1] (model notes M6 to M8).</summary>
    Tensor AddGated(Tensor x, Tensor update, Weight gate, float factor = 1);

    /// <summary>Every row of x times its number in <paramref name="factors"/> [N, 1].</summary>
    Tensor ScaleRows(Tensor x, Tensor factors);

    /// <summary>x / (1 + exp(-x)).</summary>
    Tensor Silu(Tensor x);

    /// <summary>x Φ(x), by erf (not the tanh approximation: model note M8, L8).</summary>
    Tensor Gelu(Tensor x);

    /// <summary>1 / (1 + exp(-x)).</summary>
    Tensor Sigmoid(Tensor x);

    /// <summary>The rows of x in the given order: [rows.Length, C]. A row may appear more than once.</summary>
    Tensor GatherRows(Tensor x, ReadOnlySpan<int> rows);

    /// <summary>x with the given rows replaced by those of <paramref name="source"/> [rows.Length, C].</summary>
    Tensor ScatterRows(Tensor x, ReadOnlySpan<int> rows, Tensor source);

    /// <summary>The rows of a, then those of b.</summary>
    Tensor ConcatRows(Tensor a, Tensor b);

    /// <summary>The columns of K tensors [N, C] in turns: [N, C * K], column c of tensor k at c * K + k (model note M2).</summary>
    Tensor InterleaveColumns(IReadOnlyList<Tensor> parts);

    /// <summary>The same numbers, row by row, in another shape. Shares memory with x and lives as long.</summary>
    Tensor Reshape(Tensor x, int rows, int columns);

    /// <summary>An empty KV cache.</summary>
    /// <param name="layers">Layers of the network.</param>
    /// <param name="columns">Columns of k and of v: KeyHeads * HeadSize.</param>
    /// <param name="capacity">Positions the cache itself can hold.</param>
    /// <param name="parent">The shared beginning, if any; it is frozen from now on.</param>
    /// <param name="start">How many of the parent's positions are shared; null: all.</param>
    /// <param name="heads">Key heads that the columns are made of: a cache that rounds does so head by head. A multiple of it must be attended with.</param>
    KvCache CreateCache(int layers, int columns, int capacity, KvCache? parent = null, int? start = null, int heads = 1);

    /// <summary>silu(gate) * up. Backends may fuse it.</summary>
    Tensor SwiGlu(Tensor gate, Tensor up) => Multiply(Silu(gate), up);

    /// <summary>Hands an intermediate result to <see cref="Observer"/>, under the name golden fixtures use.</summary>
    void Observe(string name, Tensor tensor) => Observer?.Invoke(name, tensor);
}

/// <summary>Ends a scope of an <see cref="ITensorOps"/> when disposed.</summary>
internal readonly struct OpScope(ITensorOps ops, int depth) : IDisposable
{
    public void Dispose() => ops.EndScope(depth);
}
