using BenchmarkDotNet.Attributes;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks.Kernels;

/// <summary>The linear layer by type of weights, 2,048 inputs and 8,192 outputs: for looking at one kernel while it is changed.</summary>
/// <remarks>Contestants run one after the other here; comparisons with other engines take turns (<see cref="BlockBenchmark"/>).</remarks>
[MemoryDiagnoser]
public class LinearBenchmarks : IDisposable
{
    private CpuOps? ops;
    private Tensor input;
    private StoredMatrix? single;
    private StoredMatrix? half;
    private BlockMatrix? eight;
    private BlockMatrix? four;

    /// <summary>Rows of x: one token, a short text, a long one.</summary>
    [Params(1, 32, 512)]
    public int Rows { get; set; }

    /// <summary>Threads of the kernels.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Makes the weights.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var size = new MatrixSize(Rows, 2048, 8192);
        var random = new Random(1);
        var weights = Numbers.Random(random, (long)size.Outputs * size.Inputs);
        ops = new CpuOps(Threads);
        input = ops.Upload(Numbers.Random(random, (long)size.Rows * size.Inputs), size.Rows, size.Inputs);
        (single, half) = (new StoredMatrix(size, WeightType.F32, weights), new StoredMatrix(size, WeightType.BF16, weights));
        (eight, four) = (new BlockMatrix(size, BlockType.Int8, weights), new BlockMatrix(size, BlockType.Int4, weights));
    }

    /// <summary>Float32 weights.</summary>
    [Benchmark(Baseline = true)]
    public void SingleWeights() => Linear(single!.Weight);

    /// <summary>Bfloat16 weights.</summary>
    [Benchmark]
    public void HalfWeights() => Linear(half!.Weight);

    /// <summary>Weights of eight bits.</summary>
    [Benchmark]
    public void EightBitWeights() => Linear(eight!.Weight);

    /// <summary>Weights of four bits.</summary>
    [Benchmark]
    public void FourBitWeights() => Linear(four!.Weight);

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        single?.Dispose();
        half?.Dispose();
        eight?.Dispose();
        four?.Dispose();
        ops?.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Linear(Weight weight)
    {
        using var scope = ops!.Scope();
        ops.Linear(input, weight);
    }
}
