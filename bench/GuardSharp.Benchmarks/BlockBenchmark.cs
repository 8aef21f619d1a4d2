using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>Linear layers with quantised weights against ONNX Runtime's MatMulNBits, and both against float32, in one run.</summary>
internal static class BlockBenchmark
{
    public static void Run(MatrixSize size, int threads, int rounds)
    {
        var random = new Random(1);
        var (x, w) = (Numbers.Random(random, (long)size.Rows * size.Inputs), Numbers.Random(random, (long)size.Outputs * size.Inputs));
        var y = new float[size.Rows * size.Outputs];
        using var ops = new CpuOps(threads);
        using var pool = new WorkerPool(threads);
        using var scope = ops.Scope();
        var input = ops.Upload(x, size.Rows, size.Inputs);
        using BlockMatrix eight = new(size, BlockType.Int8, w), four = new(size, BlockType.Int4, w);
        using var singles = OnnxMatMul.OfSingles(size, x, w, y, threads);
        using var onnxEight = OnnxMatMul.OfBlocks(size, x, eight, y, threads);
        using var onnxFour = OnnxMatMul.OfBlocks(size, x, four, y, threads);
        using StoredMatrix single = new(size, WeightType.F32, w), half = new(size, WeightType.BF16, w);
        Check(ops, input, eight, onnxEight, y);
        Check(ops, input, four, onnxFour, y);
        var peak = new FmaPeak();
        var operations = 2.0 * size.Rows * size.Inputs * size.Outputs;
        Stopwatches.Compare($"\n[{size.Rows}, {size.Inputs}] x [{size.Outputs}, {size.Inputs}] transposed, {threads} threads; int8 {Names(ops, BlockType.Int8)}, int4 {Names(ops, BlockType.Int4)}", rounds,
        [
            ("GuardSharp, float32", operations, () => Linear(ops, input, single.Weight)),
            ("GuardSharp, bfloat16", operations, () => Linear(ops, input, half.Weight)),
            ("GuardSharp, int8", operations, () => Linear(ops, input, eight.Weight)),
            ("GuardSharp, int4", operations, () => Linear(ops, input, four.Weight)),
            ("ONNX Runtime MatMul, float32", operations, singles.Run),
            // ONNX Runtime's threads spin for a while after a run, at the cost of what follows: not of a contestant.
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
            ("ONNX Runtime MatMulNBits, int8", operations, onnxEight.Run),
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
            ("ONNX Runtime MatMulNBits, int4", operations, onnxFour.Run),
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
        ]);
    }

    private static string Names(CpuOps ops, BlockType type)
    {
        var chosen = ops.KernelsFor(type);
        return $"{chosen.Tile.Name} / {chosen.Dot.Name}{(chosen.Failures.Count > 0 ? $" (failed: {string.Join(", ", chosen.Failures)})" : "")}";
    }

    private static void Linear(CpuOps ops, Tensor input, Weight weight)
    {
        using var scope = ops.Scope();
        ops.Linear(input, weight);
    }

    /// <summary>Both round the activations to 8 bits, each in its own way: sums of 2,048 products differ by about a percent of their deviation.</summary>
    private static void Check(CpuOps ops, Tensor input, BlockMatrix weight, OnnxMatMul onnx, float[] theirs)
    {
        onnx.Run();
        var ours = new float[theirs.Length];
        ops.Read(ops.Linear(input, weight.Weight), ours);
        var deviation = Math.Sqrt(theirs.Average(value => (double)value * value));
        var difference = Math.Sqrt(ours.Zip(theirs, (a, b) => (double)(a - b) * (a - b)).Average());
        if (!(difference < 0.02 * deviation))
        {
            throw new InvalidOperationException($"The results differ by {difference / deviation:P1} of their deviation.");
        }
    }
}
