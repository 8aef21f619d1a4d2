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
internal sealed class GcgModel : IAsyncDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly Adapter? _adapter;

    private GcgModel(string folder, GuardOptions options, torch.Device device, Checkpoint checkpoint, Adapter? adapter)
    {
        (_checkpoint, _adapter) = (checkpoint, adapter);
        var config = ModelConfig.Read(folder);
        Tokenizer = ModelTokenizer.Load(folder);
        Gradient = new OneHotGradient(new BoundWeights(checkpoint, adapter, config).Source, Create, device);
        // A processor reads candidates fastest with the engine's own kernels and caches (decision 0031); where torch has a faster device, that one does.
        ITensorOps ops = device.type == DeviceType.CPU ? new CpuOps(options.Threads) : new TorchOps(device);
        Network = (ops, Create(ops, new BoundWeights(checkpoint, adapter, config).Source));

        IGuardNetwork Create(ITensorOps backend, IWeightSource weights) => GuardNetworks.Create(backend, weights, config, options.MaskedRows);
    }

    /// <summary>The guard as anybody calls it.</summary>
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
    /// <exception cref="CheckpointException">It holds no model that can be run.</exception>
    public static GcgModel Open(string folder, GuardOptions options, torch.Device device)
    {
        var guard = GuardClassifier.Load(folder, options);
        Checkpoint? checkpoint = null;
        Adapter? adapter = null;
        try
        {
            checkpoint = Checkpoint.Open(folder);
            adapter = options.Adapter is { } path ? Adapter.Open(path) : null;
            return new GcgModel(folder, options, device, checkpoint, adapter) { Guard = guard };
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
    public async ValueTask DisposeAsync()
    {
        await Guard.DisposeAsync().ConfigureAwait(false);
        Gradient.Dispose();
        Network.Ops.Dispose();
        _adapter?.Dispose();
        _checkpoint.Dispose();
    }
}
