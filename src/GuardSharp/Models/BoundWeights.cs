using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>The weights of a network: those of a checkpoint, with an adapter where there is one.</summary>
internal sealed class BoundWeights
{
    private readonly CheckpointWeights _stored;
    private readonly StoredAdapter? _adapter;

    /// <param name="checkpoint">The open checkpoint; it must outlive them.</param>
    /// <param name="adapter">The open adapter, which must outlive them as well; null: none.</param>
    /// <param name="config">The checkpoint's configuration.</param>
    /// <exception cref="CheckpointException">The adapter was trained on other weights, or the checkpoint is a GGUF file.</exception>
    public BoundWeights(Checkpoint checkpoint, Adapter? adapter, IModelConfig config)
    {
        if (adapter is not null && config is LlamaConfig { RotatesNeighbours: true })
        {
            // Their rows of q and k lie in another order: what an adapter adds would land on wrong rows.
            throw new CheckpointException($"{checkpoint.Folder}: an adapter is not added to a GGUF file. Give the folder of the safetensors files, or export the merged model.");
        }

        adapter?.Origin?.Require(checkpoint);
        _stored = new CheckpointWeights(checkpoint, config.NamesIn(checkpoint));
        _adapter = adapter is null ? null : new StoredAdapter(adapter);
    }

    /// <summary>Where a network finds them.</summary>
    public IWeightSource Source => _adapter is null ? _stored : new AdaptedWeights(_stored, _adapter);

    /// <summary>Fails when checkpoint or adapter hold tensors that the network did not ask for.</summary>
    /// <exception cref="CheckpointException">The message names the first.</exception>
    public void RequireAllUsed()
    {
        _stored.RequireAllUsed();
        _adapter?.RequireAllUsed();
    }
}
