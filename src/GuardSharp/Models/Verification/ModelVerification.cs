using GuardSharp.Checkpoints;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Verification;

/// <summary>Runs the cases of a golden file on a model folder and compares every recorded tensor.</summary>
internal static class ModelVerification
{
    /// <summary>Runs every case of a file.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="path">The golden file.</param>
    /// <param name="backend">Makes the backend and wraps the checkpoint's weights for it.</param>
    /// <returns>One comparison per recorded tensor that this form of the network computes.</returns>
    /// <exception cref="CheckpointException">Folder or file cannot be read, or the file holds no inputs.</exception>
    public static IReadOnlyList<Comparison> Run(
        string folder, string path, Func<IWeightSource, (ITensorOps Ops, IWeightSource Weights)> backend)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var config = ModelConfig.Read(folder);
        var results = new List<Comparison>();
        foreach (var golden in GoldenCase.ReadAll(path))
        {
            var source = new CheckpointWeights(checkpoint, config.NamesIn(checkpoint));
            var (ops, weights) = backend(source);
            using (ops)
            {
                var network = GuardNetworks.Create(ops, weights, AsRecorded(config, golden));
                source.RequireAllUsed();
                var verifier = new GoldenVerifier(ops, network, (config as Llama4Config)?.ImageTokens?.Patch ?? -1, config.Dimensions.Vision?.TileSize ?? 1);
                results.AddRange(verifier.Verify(golden).Where(c => !IsOfTheOtherForm(c.Name, config.Dimensions.Experts > 0)));
            }
        }

        return results;
    }

    /// <summary>The configuration with what only a recording changes.</summary>
    private static IModelConfig AsRecorded(IModelConfig config, GoldenCase golden) => config is Llama4Config llama4
        ? llama4 with { Text = llama4.Text with { RotaryInBFloat16 = golden.RotaryInBFloat16 } }
        : config;

    /// <summary>A mixture of experts and its pruned form share case files, which hold the logits of both; the router's are the mixture's alone.</summary>
    private static bool IsOfTheOtherForm(string name, bool isMixture) =>
        isMixture ? name == "logits_dense" : name == "logits_moe" || name.StartsWith("router_logits", StringComparison.Ordinal);
}
