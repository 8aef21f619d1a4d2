using GuardSharp.Tensors.Cpu.Blocks;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The operations on the processor, in float32, with its widest vectors and all its cores.</summary>
/// <remarks>
/// Tensors are blocks of native memory that a scope owns; nothing managed is allocated per operation once the first passes have run.
/// One thread at a time. Outside any scope, results live until the object is disposed.
/// </remarks>
internal sealed unsafe partial class CpuOps : ITensorOps
{
    /// <summary>Operations on numbers below which waking a worker costs more than it saves (about 10 µs of work).</summary>
    private const long SmallWork = 32 * 1024;

    /// <summary>The same for products inside matrix products, of which a core does about 20 to 30 in a nanosecond.</summary>
    private const long SmallProduct = 512 * 1024;

    private readonly BlockArena arena = new();
    private readonly PackBuffer packing = new();
    private readonly WorkerPool pool;
    private readonly Kernels kernels;
    private readonly IReadOnlyList<string> failedKernels;
    private readonly KeyValueType keyValues;

    /// <param name="threads">Threads, the calling one included; 0: as many as the process may use (cgroup limits count).</param>
    /// <param name="kernels">Inner loops; null: those of the widest vectors the processor has.</param>
    /// <param name="keyValues">How the caches keep keys and values.</param>
    public CpuOps(int threads = 0, Kernels? kernels = null, KeyValueType keyValues = KeyValueType.F32)
        : this(threads, kernels is null ? KernelChoice.ForThisMachine() : new KernelChoice(kernels, []), keyValues)
    {
    }

    /// <param name="threads">As above.</param>
    /// <param name="choice">Inner loops, checked.</param>
    /// <param name="keyValues">As above.</param>
    public CpuOps(int threads, KernelChoice choice, KeyValueType keyValues = KeyValueType.F32)
    {
        (kernels, failedKernels, this.keyValues) = (choice.Kernels, choice.Failures, keyValues);
        pool = new WorkerPool(threads == 0 ? Environment.ProcessorCount : threads, kernels.Prepare);
        (elements, norms, ropes) = (new ElementJob(kernels), new NormJob(kernels), new RopeJob());
        pack = new PackJob(kernels);
        panels = new PanelJob(kernels, pack);
        rowSums = new BlockRowSums(kernels);
        blockPanels = new BlockPanelJob(kernels, blockPack, rowSums);
        blockDots = new BlockDotJob(kernels, rowSums);
        (transposed, dots, attention) = (new TransposedJob(kernels), new DotJob(kernels), new AttentionJob(kernels));
    }

    public Action<string, Tensor>? Observer { get; set; }

    /// <summary>Kernels that the processor claims to have and that failed their check; slower ones stand in. Those of quantised weights are checked when the first is used.</summary>
    public IReadOnlyList<string> FailedKernels => [.. failedKernels, .. blockKernels.SelectMany(chosen => chosen?.Failures ?? [])];

    /// <summary>Threads that work at once, the calling one included.</summary>
    public int Threads => pool.Threads;

    /// <summary>Blocks that scopes own now: 0 after the outermost scope, or something leaks.</summary>
    public int LiveBlocks => arena.LiveBlocks;

    /// <summary>Bytes of native memory held for tensors, free blocks included.</summary>
    public long ReservedBytes => arena.ReservedBytes + packing.Capacity;

    public OpScope Scope() => new(this, arena.Open());

    public void EndScope(int depth) => arena.Close(depth);

    public Tensor Keep(Tensor tensor)
    {
        arena.Keep((void*)tensor.Data);
        return tensor;
    }

    public Tensor Upload(ReadOnlySpan<float> values, int rows, int columns)
    {
        if (values.Length != (long)rows * columns)
        {
            Shapes.Refuse($"Upload: {values.Length} numbers do not fill [{rows}, {columns}].");
        }

        var result = Make(rows, columns);
        values.CopyTo(new Span<float>((float*)result.Data, values.Length));
        return result;
    }

    public void Read(Tensor tensor, Span<float> destination)
    {
        if (destination.Length != tensor.Length)
        {
            Shapes.Refuse($"Read: {Shapes.Of(tensor)} does not fill {destination.Length} numbers.");
        }

        new ReadOnlySpan<float>((float*)tensor.Data, destination.Length).CopyTo(destination);
    }

    public void Free(Tensor tensor) => arena.Free((void*)tensor.Data);

    public Tensor Reshape(Tensor x, int rows, int columns)
    {
        if (rows < 0 || columns < 0 || x.Length != (long)rows * columns)
        {
            Shapes.Refuse($"Reshape: {Shapes.Of(x)} has not as many numbers as [{rows}, {columns}].");
        }

        return x with { Rows = rows, Columns = columns };
    }

    public KvCache CreateCache(int layers, int columns, int capacity, KvCache? parent = null, int? start = null, int heads = 1) =>
        new CpuKvCache(new KeptSize(layers, columns, heads, keyValues), capacity, (CpuKvCache?)parent, start);

    public void Dispose()
    {
        pool.Dispose();
        packing.Dispose();
        arena.Dispose();
    }

    private Tensor Make(int rows, int columns) => new(rows, columns, (nint)arena.Allocate((long)rows * columns * sizeof(float)));

    /// <summary>A vector's numbers as float32, in a block of the innermost scope that the caller frees; null for no vector.</summary>
    private float* Vector(Weight? vector)
    {
        if (vector is null)
        {
            return null;
        }

        var block = (float*)arena.Allocate((long)vector.Columns * sizeof(float));
        WriteRow(vector, 0, block);
        return block;
    }

    private void Free(float* block)
    {
        if (block is not null)
        {
            arena.Free(block);
        }
    }
}
