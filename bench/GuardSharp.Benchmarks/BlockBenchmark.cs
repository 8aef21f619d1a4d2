using System.Runtime.InteropServices;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>Linear layers with quantised weights against those with float32 weights, in the same run and with the same threads.</summary>
internal static unsafe class BlockBenchmark
{
    public static void Run(MatrixSize size, int threads, int rounds)
    {
        var random = new Random(1);
        var x = new float[size.Rows * size.Inputs];
        for (var i = 0; i < x.Length; i++) x[i] = random.NextSingle() - 0.5f;
        using var ops = new CpuOps(threads);
        using var pool = new WorkerPool(threads);
        using var scope = ops.Scope();
        var input = ops.Upload(x, size.Rows, size.Inputs);
        var w = (float*)NativeMemory.AlignedAlloc((nuint)size.Outputs * (nuint)size.Inputs * sizeof(float), 64);
        for (long i = 0; i < (long)size.Outputs * size.Inputs; i++) w[i] = random.NextSingle() - 0.5f;
        var single = new StoredWeight("w", size.Outputs, size.Inputs, WeightType.F32, (nint)w);
        var int8 = Blocks(random, size, BlockType.Int8);
        var int4 = Blocks(random, size, BlockType.Int4);
        var operations = 2.0 * size.Rows * size.Inputs * size.Outputs;
        var peak = new FmaPeak();
        Console.WriteLine(string.Join("; ", Enum.GetValues<BlockType>().Select(t => $"{t}: {ops.KernelsFor(t).Tile.Name} / {ops.KernelsFor(t).Dot.Name} failures {string.Join(',', ops.KernelsFor(t).Failures)}")));
        Stopwatches.Compare($"\n[{size.Rows}, {size.Inputs}] x [{size.Outputs}, {size.Inputs}] transposed, {threads} threads", rounds,
        [
            ("GuardSharp, float32 weights", operations, () => Linear(ops, input, single)),
            ("GuardSharp, int8 weights", operations, () => Linear(ops, input, int8)),
            ("GuardSharp, int4 weights", operations, () => Linear(ops, input, int4)),
            ("multiply-add peak", FmaPeak.Operations * threads, () => pool.Run(peak, threads)),
        ]);
    }

    private static void Linear(CpuOps ops, Tensor input, Weight weight)
    {
        using var scope = ops.Scope();
        ops.Linear(input, weight);
    }

    private static BlockWeight Blocks(Random random, MatrixSize size, BlockType type)
    {
        var blocks = size.Inputs / BlockWeight.BlockSize;
        var bytes = type == BlockType.Int4 ? 16 : 32;
        var numbers = (byte*)NativeMemory.AlignedAlloc((nuint)size.Outputs * (nuint)(blocks * bytes), 64);
        random.NextBytes(new Span<byte>(numbers, size.Outputs * blocks * bytes));
        var scales = (Half*)NativeMemory.AlignedAlloc((nuint)size.Outputs * (nuint)(blocks * sizeof(Half)), 64);
        for (long i = 0; i < (long)size.Outputs * blocks; i++) scales[i] = (Half)(random.NextSingle() / 100);
        return new BlockWeight("w", size.Outputs, size.Inputs, type, new BlockLayout((nint)numbers, bytes, blocks * bytes, (nint)scales, 2, blocks * 2, 1));
    }
}
