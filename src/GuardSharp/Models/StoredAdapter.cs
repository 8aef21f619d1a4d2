using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>An adapter's matrices where their file put them. The adapter must outlive them.</summary>
/// <param name="adapter">The open adapter.</param>
internal sealed class StoredAdapter(Adapter adapter) : IAdapterSource
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public float Scale => adapter.Config.Scale;

    public double Dropout => adapter.Config.Dropout;

    public (Weight A, Weight B)? Find(string module, int outputs, int inputs)
    {
        if (adapter.Find(module, outputs, inputs) is not { } pair)
        {
            return null;
        }

        _asked.Add(pair.A.Name);
        return (Stored(pair.A), Stored(pair.B));
    }

    /// <summary>Fails when the network did not ask for every tensor.</summary>
    /// <exception cref="CheckpointException">The adapter is for another network; the message names a tensor.</exception>
    public void RequireAllUsed() => adapter.RequireAllUsed(_asked);

    private static StoredWeight Stored(TensorEntry entry) =>
        new(entry.Name, (int)entry.Shape[0], (int)entry.Shape[1], CheckpointWeights.TypeOf(entry), entry.Data);
}
