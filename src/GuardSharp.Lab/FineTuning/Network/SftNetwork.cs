using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Lab.Training;
using GuardSharp.Models;
using GuardSharp.Torch;
using TorchSharp;
using TorchSharp.Modules;

namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>The network that inference runs, over trainable torch weights of a base folder.</summary>
internal sealed class SftNetwork : IDisposable
{
    /// <param name="model">The base.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="freeze">Names of tensors that stay as they are.</param>
    /// <param name="adapter">The adapter that learns in place of the base; null: the base learns.</param>
    /// <param name="seed">Decides how the adapter starts.</param>
    /// <exception cref="GuardException">The folder holds another network than its config.json says, or a pattern fits nothing.</exception>
    public SftNetwork(BaseModel model, torch.Device device, IReadOnlyList<string> freeze, AdapterConfig? adapter = null, int seed = 1)
    {
        var names = model.Config.Tensors().Select(tensor => tensor.Name).ToList();
        var frozen = new NamePatterns(freeze);
        frozen.RequireUse("freeze", names);
        var stored = new CheckpointWeights(model.Checkpoint, model.Config.NamesIn(model.Checkpoint));
        var fresh = adapter is null ? null : new FreshAdapter(adapter, seed, device);
        Ops = new TorchOps(device) { Gradients = true };
        Weights = fresh is null
            ? new TorchWeights(stored, device, name => !frozen.Match(name))
            : new TorchWeights(new AdaptedWeights(stored, fresh), device, TorchWeights.IsAdapter);
        try
        {
            Network = GuardNetworks.Create(Ops, Weights, model.Config);
            stored.RequireAllUsed();
            Trainable = [.. Weights.Trainable.OrderBy(entry => entry.Name, StringComparer.Ordinal)];
            if (Trainable.Count == 0)
            {
                throw new TrainingException(fresh is null
                    ? "\"freeze\" names every tensor of the model, so nothing is left to learn."
                    : "\"lora.targets\" names no linear layer of the model. They end like q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.");
            }

            if (adapter?.Dropout > 0)
            {
                Dropout = Ops.Dropout = new torch.Generator(0, device);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The backend.</summary>
    public TorchOps Ops { get; }

    /// <summary>All parameters by published name.</summary>
    public TorchWeights Weights { get; }

    /// <summary>The network.</summary>
    public IGuardNetwork Network { get; } = null!;

    /// <summary>What is learned, in a fixed order.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Trainable { get; } = [];

    /// <summary>Where the adapter's dropout takes its chance from; null: there is none. Set before everything that may run twice.</summary>
    public torch.Generator? Dropout { get; }

    /// <summary>Whether anything that encodes pictures is learned.</summary>
    public bool LearnsPictures => Trainable.Any(entry => entry.Name.StartsWith("vision_model.", StringComparison.Ordinal) || entry.Name.StartsWith("multi_modal_projector.", StringComparison.Ordinal));

    /// <inheritdoc/>
    public void Dispose()
    {
        Dropout?.Dispose();
        Weights.Dispose();
        Ops.Dispose();
    }
}
