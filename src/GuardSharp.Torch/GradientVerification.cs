using GuardSharp.Checkpoints;
using GuardSharp.Models;
using GuardSharp.Models.Verification;
using GuardSharp.Tensors;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Torch;

/// <summary>Compares the gradients of a network with the reference's: with respect to pixels (PGD), one-hot tokens (GCG) and embeddings.</summary>
/// <remarks>The loss is the cross-entropy of the recorded target at the last position. Inputs of a file: input_ids [1, T], target [1], pixel_values [tiles, 3, P, P].</remarks>
internal static class GradientVerification
{
    private const string EmbeddingName = "language_model.model.embed_tokens.weight";

    /// <summary>Runs a gradient case on a model folder.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="path">The recorded gradients.</param>
    /// <param name="device">Where to compute; null: the CPU.</param>
    /// <returns>For every recorded gradient the largest difference relative to its largest entry; for loss and logits the largest difference.</returns>
    /// <exception cref="CheckpointException">Folder or file cannot be read, or the file holds no gradient case.</exception>
    public static IReadOnlyList<Comparison> Run(string folder, string path, torch.Device? device = null)
    {
        using var checkpoint = Checkpoint.Open(folder);
        using var file = SafetensorsFile.Open(path);
        var config = ModelConfig.Read(folder);
        using var ops = new TorchOps(device) { Gradients = true };
        using var weights = new TorchWeights(new CheckpointWeights(checkpoint, config.NamesIn(checkpoint)), device);
        var network = GuardNetworks.Create(ops, weights, config);
        using var scope = ops.Scope();
        var ids = Get(file, "input_ids").ToIntegers().Select(id => (int)id).ToArray();
        var table = weights.Parameters[EmbeddingName];
        var oneHot = torch.zeros(ids.Length, table.size(0), device: ops.Device)
            .index_put_(torch.ones(ids.Length, device: ops.Device), [torch.arange(ids.Length, device: ops.Device), torch.tensor(ids, torch.ScalarType.Int64, ops.Device)])
            .requires_grad_();
        var embeddings = functional.linear(oneHot, table.t()); // [T, hidden]
        embeddings.retain_grad();
        var pixels = Pixels(file, ops.Device);
        var (hidden, pictures) = (ops.FromTorch(embeddings), default(PictureReading));
        if (pixels is not null)
        {
            (hidden, pictures) = WithPictures(ops, network, config, file, ids, hidden, ops.FromTorch(pixels));
        }

        hidden = ForwardPass.Run(ops, network, hidden, [SequenceSpan.Self(0, ids.Length)], pictures);
        var logits = TorchOps.AsTorch(network.Logits(network.Final(hidden, [ids.Length - 1]), []));
        var target = torch.tensor(Get(file, "target").ToIntegers(), device: ops.Device);
        var loss = functional.cross_entropy(logits, target);
        loss.backward();
        var seen = new Dictionary<string, torch.Tensor?>
        {
            ["grad_embeds"] = embeddings.grad,
            ["grad_one_hot"] = oneHot.grad,
            ["grad_pixel_values"] = pixels?.grad,
            ["logits_last"] = logits,
            ["loss"] = loss,
        };
        return [.. file.Tensors.Where(t => seen.ContainsKey(t.Name)).Select(t => Compare(t, seen[t.Name]))];
    }

    /// <returns>[tiles * 3 * P, P], or null without pictures.</returns>
    private static torch.Tensor? Pixels(SafetensorsFile file, torch.Device device)
    {
        if (!file.TryGet("pixel_values", out var values))
        {
            return null;
        }

        var side = values.Shape[^1];
        return torch.tensor(values.ToSingles(), [values.Count / side, side], device: device).requires_grad_();
    }

    /// <summary>Pictures in place of tokens, or read by cross-attention (one picture of one sequence).</summary>
    private static (Tensor Hidden, PictureReading? Pictures) WithPictures(
        TorchOps ops, IGuardNetwork network, IModelConfig config, SafetensorsFile file, int[] ids, Tensor text, Tensor pixels)
    {
        if (network is ICrossAttentionNetwork reader && config is MllamaConfig mllama)
        {
            var (rows, columns) = mllama.Vision.Grids[(int)Get(file, "aspect_ratio_ids").ToIntegers()[0] - 1];
            var encoded = reader.EncodePicture(pixels, rows, columns);
            var memory = PictureMemory.Create(ops, reader, new PictureSight(ids, mllama.ImageToken), [(encoded, rows * columns)], keep: false);
            return (text, PictureReading.Of(ops, reader, [SequenceSpan.Self(0, ids.Length)], [memory]));
        }

        var patch = (config as Llama4Config)?.ImageTokens?.Patch ?? -1;
        return (ops.ScatterRows(text, [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == patch)], network.EncodeTiles(pixels)), null);
    }

    private static TensorEntry Get(SafetensorsFile file, string name) => file.TryGet(name, out var entry)
        ? entry
        : throw new CheckpointException($"{file.FileName}: \"{name}\" is missing. A gradient case holds input_ids, target, the pixels if any, and the recorded gradients.");

    private static Comparison Compare(TensorEntry recorded, torch.Tensor? computed)
    {
        if (computed is null || computed.numel() != recorded.Count)
        {
            return new Comparison(recorded.Name, null, false);
        }

        using var scope = torch.NewDisposeScope();
        var expected = torch.tensor(recorded.ToSingles());
        var largest = (computed.detach().cpu().reshape(-1) - expected).abs().max();
        var unit = recorded.Name.StartsWith("grad_", StringComparison.Ordinal) ? expected.abs().max() : torch.tensor(1f);
        var difference = (largest / unit).item<float>();
        return new Comparison(recorded.Name, float.IsNaN(difference) ? float.PositiveInfinity : difference, false);
    }
}
