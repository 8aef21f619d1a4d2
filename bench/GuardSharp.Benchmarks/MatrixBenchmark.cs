using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>Shapes of x [Rows, Inputs] times the transpose of a weight [Outputs, Inputs].</summary>
internal readonly record struct MatrixSize(int Rows, int Inputs, int Outputs);

/// <summary>The linear layer against ONNX Runtime's MatMul and the processor's peak, in the same run and with the same threads.</summary>
internal static class MatrixBenchmark
{
    /// <summary>Shapes of a small guard that judges a short text.</summary>
    public static IReadOnlyList<MatrixSize> SmallSizes { get; } =
    [
        new(1, 256, 1024), new(4, 256, 1024), new(8, 256, 1024), new(12, 256, 1024), new(16, 256, 1024),
        new(25, 256, 256), new(25, 256, 1024), new(25, 1024, 256), new(60, 256, 1024), new(60, 1024, 256), new(577, 1408, 1408),
    ];

    public static void Run(MatrixSize size, int threads, int rounds)
    {
        var random = new Random(1);
        var x = Numbers.Random(random, (long)size.Rows * size.Inputs);
        var w = Numbers.Random(random, (long)size.Outputs * size.Inputs);
        using var ops = new CpuOps(threads);
        using var pool = new WorkerPool(threads);
        using var scope = ops.Scope();
        var input = ops.Upload(x, size.Rows, size.Inputs);
        using StoredMatrix single = new(size, WeightType.F32, w), half = new(size, WeightType.BF16, w);
        var expected = new float[size.Rows * size.Outputs];
        using var onnx = OnnxMatMul.OfSingles(size, x, w, expected, threads);
        Check(ops, input, single.Weight, onnx, expected);
        var operations = 2.0 * size.Rows * size.Inputs * size.Outputs;
        var peak = new FmaPeak();
        Stopwatches.Compare($"\n[{size.Rows}, {size.Inputs}] x [{size.Outputs}, {size.Inputs}] transposed, {threads} threads", rounds,
        [
            ("ONNX Runtime MatMul, float32", operations, onnx.Run),
            // ONNX Runtime's threads spin for a while after a run, at the cost of what follows: not of a contestant.
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
            ("GuardSharp, float32 weights", operations, () => Linear(ops, input, single.Weight)),
            ("GuardSharp, bfloat16 weights", operations, () => Linear(ops, input, half.Weight)),
        ]);
    }

    private static void Linear(CpuOps ops, Tensor input, Weight weight)
    {
        using var scope = ops.Scope();
        ops.Linear(input, weight);
    }

    /// <summary>Both compute the same product: sums of numbers below 0.25 in another order.</summary>
    private static void Check(CpuOps ops, Tensor input, Weight weight, OnnxMatMul onnx, float[] expected)
    {
        onnx.Run();
        var actual = new float[expected.Length];
        ops.Read(ops.Linear(input, weight), actual);
        var difference = actual.Zip(expected, (a, b) => Math.Abs(a - b)).Max();
        if (!(difference < 1e-3))
        {
            throw new InvalidOperationException($"The results differ by {difference}.");
        }
    }
}
