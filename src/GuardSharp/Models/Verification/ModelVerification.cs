using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Verification;

/// <summary>Runs the cases of a golden file on a model folder and compares every recorded tensor.</summary>
internal static class ModelVerification
{
    /// <summary>Runs every case of a file.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="path">The golden file.</param>
    /// <param name="backend">Makes the backend and wraps the checkpoint's weights for it.</param>
    /// <param name="adapterFolder">The folder of a LoRA adapter that is added; null: none.</param>
    /// <returns>One comparison per recorded tensor that this form of the network computes.</returns>
    /// <exception cref="CheckpointException">Folder or file cannot be read, or the file holds no inputs.</exception>
    public static IReadOnlyList<Comparison> Run(string folder, string path, TensorBackend backend, string? adapterFolder = null)
    {
        using var checkpoint = Checkpoint.Open(folder);
        using var adapter = adapterFolder is null ? null : Adapter.Open(adapterFolder);
        var config = ModelConfig.Read(folder);
        var results = new List<Comparison>();
        foreach (var golden in GoldenCase.ReadAll(path))
        {
            var source = new BoundWeights(checkpoint, adapter, config);
            var (ops, weights) = backend(source.Source);
            using (ops)
            {
                foreach (var part in golden.Expected.GroupBy(MaskedRowsOf))
                {
                    var network = GuardNetworks.Create(ops, weights, AsRecorded(config, golden), part.Key);
                    source.RequireAllUsed();
                    var compared = Verifier(ops, network, config).Verify(golden with { Expected = [.. part] });
                    results.AddRange(compared.Where(c => !IsOfTheOtherForm(c.Name, config.Dimensions.Experts > 0)));
                }
            }
        }

        return results;
    }

    private static GoldenVerifier Verifier(ITensorOps ops, IGuardNetwork network, IModelConfig config) => config switch
    {
        MllamaConfig mllama => new GoldenVerifier(ops, network, mllama.ImageToken, mllama.Vision.ImageSize, mllama.Vision.Grids),
        Llama4Config { ImageTokens: { } tokens, Vision: { } vision } => new GoldenVerifier(ops, network, tokens.Patch, vision.ImageSize),
        _ => new GoldenVerifier(ops, network, patchToken: -1, tileSize: 1),
    };

    /// <summary>Recordings of mllama hold the logits of both readings of masked rows (model note M4).</summary>
    private static MaskedRows MaskedRowsOf(GoldenTensor recorded) =>
        recorded.Name == GoldenVerifier.MetaLogits ? MaskedRows.Meta : MaskedRows.HuggingFace;

    /// <summary>The configuration with what only a recording changes.</summary>
    private static IModelConfig AsRecorded(IModelConfig config, GoldenCase golden) => config is Llama4Config llama4
        ? llama4 with { Text = llama4.Text with { RotaryInBFloat16 = golden.RotaryInBFloat16 } }
        : config;

    /// <summary>A mixture of experts and its pruned form share case files, which hold the logits of both; the router's are the mixture's alone.</summary>
    private static bool IsOfTheOtherForm(string name, bool isMixture) =>
        isMixture ? name == "logits_dense" : name == "logits_moe" || name.StartsWith("router_logits", StringComparison.Ordinal);
}
