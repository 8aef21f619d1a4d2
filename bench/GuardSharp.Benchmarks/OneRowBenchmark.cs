using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Benchmarks;

/// <summary>One row times weights that no cache holds, as when a model answers one token after the other, beside a loop that only reads as many bytes.</summary>
internal static class OneRowBenchmark
{
    private const int Inputs = 2048;

    /// <param name="threads">Threads.</param>
    /// <param name="rounds">Rounds after one that does not count.</param>
    /// <param name="outputs">Rows of the weights: of a layer (2,048) or of a head (128,256). As many matrices are used in turn as it takes to leave the caches.</param>
    public static void Run(int threads, int rounds, int outputs)
    {
        using var ops = new CpuOps(threads);
        using var pool = new WorkerPool(threads);
        using var scope = ops.Scope();
        var x = new float[Inputs];
        var random = new Random(1);
        foreach (ref var value in x.AsSpan()) value = random.NextSingle() - 0.5f;
        var input = ops.Upload(x, 1, Inputs);
        using RowMatrices eight = new(BlockType.Int8, outputs, between: false), four = new(BlockType.Int4, outputs, between: false);
        using RowMatrices eightGguf = new(BlockType.Int8, outputs, between: true), fourGguf = new(BlockType.Int4, outputs, between: true);
        (string Name, RowMatrices Matrices)[] contestants = [("int8, folder", eight), ("int8, GGUF", eightGguf), ("int4, folder", four), ("int4, GGUF", fourGguf)];
        var speeds = contestants.Select(_ => (Product: new double[rounds], Reading: new double[rounds])).ToArray();
        for (var round = -1; round < rounds; round++)
        {
            foreach (var (index, (_, matrices)) in contestants.Index())
            {
                var reading = new ReadJob(matrices.Memory, matrices.Bytes);
                var read = Seconds(() => pool.Run(reading, ReadJob.Items));
                var product = Seconds(() =>
                {
                    foreach (var weight in matrices.Weights)
                    {
                        using var inner = ops.Scope();
                        ops.Linear(input, weight);
                    }
                });
                if (round >= 0)
                {
                    (speeds[index].Product[round], speeds[index].Reading[round]) = (matrices.Bytes / product / 1e9, matrices.Bytes / read / 1e9);
                }
            }
        }

        Console.WriteLine($"\none row times [{outputs}, {Inputs}] transposed, from memory, {threads} threads\n| | GB/s, median | best | only reading, median | best | median of the ratios |\n|---|---|---|---|---|---|");
        foreach (var (index, (name, _)) in contestants.Index())
        {
            var (product, reading) = speeds[index];
            var ratio = Median([.. product.Zip(reading, (ours, most) => ours / most)]);
            Console.WriteLine($"| {name} | {Median(product):F1} | {product.Max():F1} | {Median(reading):F1} | {reading.Max():F1} | {ratio:F2} |");
        }
    }

    private static double Seconds(Action call)
    {
        var start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Matrices of random numbers one after the other in memory, 256 MB and more in all.</summary>
    private sealed unsafe class RowMatrices : IDisposable
    {
        private const long LeastBytes = 256L << 20;
        private const int Blocks = Inputs / BlockWeight.BlockSize;

        public RowMatrices(BlockType type, int outputs, bool between)
        {
            var block = type == BlockType.Int4 ? BlockWeight.BlockSize / 2 : BlockWeight.BlockSize;
            var matrix = (long)outputs * Blocks * (block + sizeof(Half));
            var count = (int)((LeastBytes + matrix - 1) / matrix);
            Bytes = matrix * count;
            Memory = (nint)NativeMemory.AlignedAlloc((nuint)Bytes + 64, 64);
            new Random(2).NextBytes(new Span<byte>((void*)Memory, (int)Bytes));
            for (var i = 0; i < count; i++)
            {
                var start = Memory + (nint)(i * matrix);
                var apart = (nint)((long)outputs * Blocks * block);
                var pitch = block + sizeof(Half);
                var layout = between
                    ? new BlockLayout(start + sizeof(Half), pitch, (long)Blocks * pitch, start, pitch, (long)Blocks * pitch, 1)
                    : new BlockLayout(start, block, (long)Blocks * block, start + apart, sizeof(Half), Blocks * sizeof(Half), 1);
                for (var scale = 0L; scale < (long)outputs * Blocks; scale++)
                {
                    Unsafe.WriteUnaligned((void*)(layout.Scales + (nint)(scale * layout.ScalePitch)), (Half)0.001f);
                }

                Weights.Add(new BlockWeight("w", outputs, Inputs, type, layout));
            }
        }

        public nint Memory { get; }

        public long Bytes { get; }

        public List<BlockWeight> Weights { get; } = [];

        public void Dispose() => NativeMemory.AlignedFree((void*)Memory);
    }

    /// <summary>Adds up all words of a piece of memory: the least a product could do.</summary>
    private sealed unsafe class ReadJob(nint memory, long bytes) : ParallelJob
    {
        public const int Items = 64;
        private const int Ahead = 4096;
        private const int Step = 256;
        private int _sink;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Run(int item, int worker)
        {
            var length = bytes / Items / Step * Step;
            var at = (byte*)memory + (item * length);
            var end = at + length;
            Vector512<int> a = default, b = default, c = default, d = default;
            for (; at < end; at += Step)
            {
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(at + Ahead);
                    Sse.Prefetch0(at + Ahead + 64);
                    Sse.Prefetch0(at + Ahead + 128);
                    Sse.Prefetch0(at + Ahead + 192);
                }

                a += Vector512.Load((int*)at);
                b += Vector512.Load((int*)at + 16);
                c += Vector512.Load((int*)at + 32);
                d += Vector512.Load((int*)at + 48);
            }

            _sink = Vector512.Sum(a + b + c + d);
        }

        public override string ToString() => $"{_sink}";
    }
}
