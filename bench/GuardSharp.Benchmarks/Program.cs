using System.Globalization;
using BenchmarkDotNet.Running;
using GuardSharp.Benchmarks;
using GuardSharp.Benchmarks.Kernels;
using GuardSharp.Benchmarks.Load;
using GuardSharp.Benchmarks.Peers;
using GuardSharp.Tensors;

const string usage = """
    usage: verdicts | flat MODEL_FOLDER [COUNT] [THREADS]
           load GUARDSHARP_EXECUTABLE MODEL_FOLDER [SECONDS] [CONNECTIONS] [KEY=VALUE of the server's configuration ...]
           gemm | small | attention [THREADS] [ROUNDS]
           network [MODEL] [THREADS] [ROUNDS] [TOKENS] [int8|int4]
           peers MODELS_FOLDER LLAMA_FOLDER [ROUNDS] [THREADS] [speed|server|speed+server]
           dotnet [options of BenchmarkDotNet, such as --filter *Linear* --job short]
           blocks [THREADS] [ROUNDS] [ROWS] [INPUTS] [OUTPUTS]
           one-row [THREADS] [ROUNDS] [OUTPUTS]
           self-check [ROUNDS]
    """;

int Number(int place, int otherwise) => args.Length > place ? int.Parse(args[place], CultureInfo.InvariantCulture) : otherwise;

switch (args)
{
    case ["verdicts", var model, ..]:
        await VerdictBenchmark.RunAsync(model, Number(2, 1000), Number(3, 0));
        break;
    case ["flat", var model, ..]:
        await VerdictBenchmark.RunFlatAsync(model, Number(2, 50_000), Number(3, 0));
        break;
    case ["load", var executable, var model, ..]:
        await new LoadBenchmark(executable, model, Number(3, 60), Number(4, 64), args.Length > 5 ? args[5..] : []).RunAsync();
        break;
    case ["gemm", ..]:
        MatrixBenchmark.Run(new MatrixSize(512, 2048, 8192), Number(1, Environment.ProcessorCount), Number(2, 15));
        break;
    case ["network", ..]:
        NetworkBenchmark.Run(args.Length > 1 ? args[1] : "guard-3-1b", Number(2, Environment.ProcessorCount), Number(3, 5), Number(4, 512),
            args.Length > 5 ? [Enum.Parse<BlockType>(args[5], ignoreCase: true)] : Enum.GetValues<BlockType>());
        break;
    case ["blocks", ..]:
        BlockBenchmark.Run(new MatrixSize(Number(3, 512), Number(4, 2048), Number(5, 8192)), Number(1, Environment.ProcessorCount), Number(2, 15));
        break;
    case ["one-row", ..]:
        OneRowBenchmark.Run(Number(1, Environment.ProcessorCount), Number(2, 15), Number(3, 2048));
        break;
    case ["self-check", ..]:
        SelfCheckBenchmark.Run(Number(1, 25));
        break;
    case ["small", ..]:
        foreach (var size in MatrixBenchmark.SmallSizes)
        {
            MatrixBenchmark.Run(size, Number(1, Environment.ProcessorCount), Number(2, 15));
        }

        break;
    case ["attention", ..]:
        AttentionBenchmark.Run(Number(1, Environment.ProcessorCount), Number(2, 15));
        break;
    case ["peers", var folder, var programs, ..]:
        await new PeerBenchmark(folder, programs, Number(3, 5), Number(4, Environment.ProcessorCount)).RunAsync(args.Length > 5 ? args[5] : "speed+server");
        break;
    case ["dotnet", ..]:
        // In this process: what BenchmarkDotNet would build of its own lies outside of the house rules.
        BenchmarkSwitcher.FromAssembly(typeof(LinearBenchmarks).Assembly).Run([.. args[1..], "--inProcess"]);
        break;
    default:
        Console.Error.WriteLine(usage);
        return 2;
}

return 0;
