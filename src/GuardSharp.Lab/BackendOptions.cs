using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab;

/// <summary><c>--backend torch|cpu</c> and <c>--device cpu|cuda|cuda:N</c>.</summary>
internal sealed class BackendOptions : IBackendOptions
{
    private const string Torch = "torch";
    private const string Cpu = "cpu";

    private readonly Option<string?> _backend = new("--backend") { Description = "What computes: torch (default) or cpu, the backend of guardsharp.", HelpName = "NAME" };
    private readonly Option<string?> _device = new("--device") { Description = $"Where torch computes: cpu (default), cuda or cuda:N. CUDA needs a libtorch of yours in {LibTorchFolder.Variable}=DIR (docs/command-line.md).", HelpName = "NAME" };

    /// <inheritdoc/>
    public void AddTo(Command command)
    {
        command.Add(_backend);
        command.Add(_device);
    }

    /// <inheritdoc/>
    public TensorBackend Read(ParseResult parsed, int threads, KeyValueType? keyValues = null)
    {
        if (ReadName(parsed) == Cpu)
        {
            return parsed.GetValue(_device) is null or Cpu
                ? weights => (new CpuOps(threads, keyValues: keyValues ?? KeyValueType.F32), weights)
                : throw new GuardException($"--device {parsed.GetValue(_device)} is for --backend {Torch}; --backend {Cpu} computes on the processor. Leave one of them out.");
        }

        if (keyValues is not (null or KeyValueType.F32))
        {
            throw new GuardException($"--kv {keyValues} is for --backend {Cpu}; --backend {Torch} keeps keys and values in float32. Leave one of them out.");
        }

        var device = TorchDevice.Open(parsed.GetValue(_device) ?? Cpu);
        if (threads > 0)
        {
            torch.set_num_threads(threads);
        }

        // Weights stay in the mapped file until an operation first takes them: TorchOps converts each once.
        return weights => (new TorchOps(device), weights);
    }

    /// <summary>The device of torch, for what torch alone computes.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="purpose">What it is for, as the user asked for it, such as <c>--gradients</c>.</param>
    /// <exception cref="GuardException">Another backend was named, or there is no such device.</exception>
    public torch.Device ReadTorchDevice(ParseResult parsed, string purpose) => ReadName(parsed) == Torch
        ? TorchDevice.Open(parsed.GetValue(_device) ?? Cpu)
        : throw new GuardException($"{purpose} needs --backend {Torch}; the cpu backend has no gradients.");

    private string ReadName(ParseResult parsed) => parsed.GetValue(_backend) switch
    {
        null or Torch => Torch,
        Cpu => Cpu,
        var other => throw new GuardException($"--backend is \"{other}\"; it must be {Torch} or {Cpu}."),
    };
}
