using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tokenization;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>The guard under attack: its real way to a verdict, and its network with gradients and without.</summary>
internal sealed class GcgModel : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly Adapter? _adapter;

    private GcgModel(string folder, GuardOptions options, torch.Device device, bool onTorch, Checkpoint checkpoint, Adapter? adapter)
    {
        (_checkpoint, _adapter) = (checkpoint, adapter);
        var config = ModelConfig.Read(folder);
        Tokenizer = ModelTokenizer.Load(folder);
        Gradient = new OneHotGradient(new BoundWeights(checkpoint, adapter, config).Source, Create, device);
        ITensorOps ops = onTorch ? new TorchOps(device) : new CpuOps(options.Threads);
        Network = (ops, Create(ops, new BoundWeights(checkpoint, adapter, config).Source));

        IGuardNetwork Create(ITensorOps backend, IWeightSource weights) => GuardNetworks.Create(backend, weights, config, options.MaskedRows);
    }

    /// <summary>The guard as anybody calls it; its caller's to dispose.</summary>
    public required GuardClassifier Guard { get; init; }

    /// <summary>Its tokenizer.</summary>
    public BpeTokenizer Tokenizer { get; }

    /// <summary>The network with gradients.</summary>
    public OneHotGradient Gradient { get; }

    /// <summary>The network without.</summary>
    public (ITensorOps Ops, IGuardNetwork Network) Network { get; }

    /// <summary>Opens a model folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How the guard is loaded.</param>
    /// <param name="device">Where gradients are computed.</param>
    /// <param name="onTorch">Whether torch reads the candidates as well; null: where it has a faster device than the processor, which reads them fastest with the engine's own kernels (decision 0031).</param>
    /// <exception cref="CheckpointException">It holds no model that can be run.</exception>
    public static GcgModel Open(string folder, GuardOptions options, torch.Device device, bool? onTorch = null)
    {
        var guard = GuardClassifier.Load(folder, options);
        Checkpoint? checkpoint = null;
        Adapter? adapter = null;
        try
        {
            checkpoint = Checkpoint.Open(folder);
            adapter = options.Adapter is { } path ? Adapter.Open(path) : null;
            return new GcgModel(folder, options, device, onTorch ?? device.type != DeviceType.CPU, checkpoint, adapter) { Guard = guard };
        }
        catch
        {
            adapter?.Dispose();
            checkpoint?.Dispose();
            guard.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Gradient.Dispose();
        Network.Ops.Dispose();
        _adapter?.Dispose();
        _checkpoint.Dispose();
    }
}
