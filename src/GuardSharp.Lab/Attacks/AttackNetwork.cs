using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Attacks;

/// <summary>The network of a guard on torch, open to an attacker: what it says of a prompt, and how that changes with the pixels of its pictures.</summary>
/// <remarks>Weights are frozen, float32. One thread at a time.</remarks>
internal sealed class AttackNetwork : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly Adapter? _adapter;
    private readonly TileTokens _tokens;

    private AttackNetwork(string folder, GuardOptions options, Checkpoint checkpoint, Adapter? adapter, TorchOps ops)
    {
        (_checkpoint, _adapter, Ops) = (checkpoint, adapter, ops);
        var config = ModelConfig.Read(folder);
        var images = ModelFamily.Of(config).Images;
        (Images, _tokens) = (images?.Processor(folder), images?.Tokens ?? TileTokens.None);
        var stored = new BoundWeights(checkpoint, adapter, config);
        Network = GuardNetworks.Create(ops, stored.Source, config, options.MaskedRows);
        stored.RequireAllUsed();
    }

    /// <summary>The backend.</summary>
    public TorchOps Ops { get; }

    /// <summary>The network.</summary>
    public IGuardNetwork Network { get; }

    /// <summary>Makes tiles of pictures; null when the model takes text alone.</summary>
    public IImageProcessor? Images { get; }

    /// <summary>Side of a tile in pixels.</summary>
    public int TileSize => _tokens.TileSize;

    /// <summary>Opens the network of a model folder.</summary>
    /// <param name="folder">The folder the guard was loaded from.</param>
    /// <param name="options">The guard's: adapter and masked rows.</param>
    /// <param name="device">Where it computes.</param>
    /// <exception cref="CheckpointException">The folder holds no model that can be run.</exception>
    public static AttackNetwork Open(string folder, GuardOptions options, torch.Device device)
    {
        var checkpoint = Checkpoint.Open(folder);
        Adapter? adapter = null;
        TorchOps? ops = null;
        try
        {
            adapter = options.Adapter is { } path ? Adapter.Open(path) : null;
            ops = new TorchOps(device);
            return new AttackNetwork(folder, options, checkpoint, adapter, ops);
        }
        catch
        {
            ops?.Dispose();
            adapter?.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The logit of unsafe less that of safe, and its gradient with respect to the tiles.</summary>
    /// <param name="question">The prompt; its own pictures are not looked at.</param>
    /// <param name="pictures">The pictures in their place.</param>
    /// <param name="gradients">Whether gradients are wanted.</param>
    /// <returns>Gradients [tiles, 3, P, P] of each picture; none where none are wanted.</returns>
    /// <exception cref="GuardException">The logits are no numbers.</exception>
    public (double Margin, IReadOnlyList<float[]> Gradients) Judge(FirstQuestion question, IReadOnlyList<TiledImage> pictures, bool gradients)
    {
        using var scope = Ops.Scope();
        Ops.Gradients = gradients;
        var leaves = pictures.Select(picture => Ops.Upload(picture.Pixels, picture.Pixels.Length / picture.TileSize, picture.TileSize)).ToList();
        leaves.ForEach(leaf => TorchOps.AsTorch(leaf).requires_grad_(gradients));
        var margin = Margin(question, pictures, leaves);
        var value = margin.item<float>();
        if (!float.IsFinite(value))
        {
            throw new GuardException("The network's logits of safe and unsafe are no numbers, so there is no gradient to follow. Are the weights whole?");
        }

        if (!gradients)
        {
            return (value, []);
        }

        margin.backward();
        return (value, [.. leaves.Select(Gradient)]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Ops.Dispose();
        _adapter?.Dispose();
        _checkpoint.Dispose();
    }

    private torch.Tensor Margin(FirstQuestion question, IReadOnlyList<TiledImage> pictures, List<Tensor> leaves)
    {
        var ids = question.Prompt.AllIds();
        SequenceSpan[] spans = [SequenceSpan.Self(0, ids.Length)];
        var images = pictures.Select(picture => new EncodedImage(picture.Pixels, picture.GridRows, picture.GridColumns)).ToList();
        var pack = new SftPack([new SftExample("", ids, [], 0, true, images)]);
        var encoded = leaves.Zip(images, (leaf, image) => PackInput.Encode(Network, leaf, image.GridRows, image.GridColumns)).ToList();
        var input = PackInput.Join(Ops, Network, pack, spans, encoded, _tokens.PatchToken);
        // Of the last layer the verdict's row alone is read.
        var hidden = ForwardPass.Run(Ops, Network, input.Hidden, spans, input.Reading, [1]);
        var logits = TorchOps.AsTorch(Network.Logits(Network.Final(hidden, [0]), [question.SafeToken, question.UnsafeToken]));   // [1, 2]
        return logits[0, 1] - logits[0, 0];
    }

    private float[] Gradient(Tensor leaf)
    {
        var values = new float[leaf.Length];
        Ops.Read(Ops.FromTorch(TorchOps.AsTorch(leaf).grad!), values);
        return values;
    }
}
