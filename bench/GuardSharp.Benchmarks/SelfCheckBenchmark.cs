using System.Diagnostics;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tensors.Cpu.Blocks;

namespace GuardSharp.Benchmarks;

/// <summary>What it costs that kernels are checked before they are used: the first time, compilation included, and by itself.</summary>
internal static class SelfCheckBenchmark
{
    public static void Run(int rounds)
    {
        var first = Check();
        var later = Enumerable.Range(0, rounds).Select(_ => Check()).ToArray();
        Console.WriteLine("| self-check, milliseconds | float32, bfloat16, float16 | int8 | int4 | all |\n|---|---|---|---|---|");
        Print("first, compilation included", first);
        Print($"by itself, median of {rounds}", [.. Enumerable.Range(0, 3).Select(part => later.Select(times => times[part]).Order().ElementAt(rounds / 2))]);
        Print("by itself, most", [.. Enumerable.Range(0, 3).Select(part => later.Max(times => times[part]))]);
    }

    private static double[] Check()
    {
        KernelChoice choice = null!;
        return
        [
            Milliseconds(() => choice = KernelChoice.ForThisMachine()),
            Milliseconds(() => BlockKernels.ForThisMachine(choice.Kernels, BlockType.Int8)),
            Milliseconds(() => BlockKernels.ForThisMachine(choice.Kernels, BlockType.Int4)),
        ];
    }

    private static double Milliseconds(Action check)
    {
        var start = Stopwatch.GetTimestamp();
        check();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static void Print(string name, double[] times) => Console.WriteLine($"| {name} | {times[0]:F2} | {times[1]:F2} | {times[2]:F2} | {times.Sum():F2} |");
}
