using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints;

/// <summary>How much memory a model's weights take in each precision.</summary>
internal static class MemoryEstimate
{
    // Nearest is what quantize writes from the published weights, which are all of this type.
    private const TensorType Published = TensorType.BF16;

    /// <summary>Bytes of the weights: as published in bfloat16, and as <c>quantize</c> stores them in int8 and int4. A mixture of experts is not quantised.</summary>
    public static IReadOnlyList<(string Precision, long Bytes)> Of(IModelConfig config)
    {
        var published = ("bf16", (long)Int128.Min(config.Parameters() * Published.Size(), long.MaxValue));
        return config.Dimensions.Experts > 0
            ? [published]
            : [published, .. new[] { QuantisationScheme.Int8, QuantisationScheme.Int4 }.Select(scheme => (scheme.Name, scheme.Plan(config, _ => Published).Sum(weight => weight.Bytes)))];
    }

    /// <summary>Bytes that each token of a conversation adds to the KV cache: in single precision, in half, and as bytes with a scale of 4 for each head.</summary>
    public static IReadOnlyList<(string Type, long Bytes)> PerToken(IModelConfig config)
    {
        // A layer of cross-attention keeps keys and values of the picture, not of tokens.
        var crossing = config is MllamaConfig mllama ? mllama.Text.CrossLayers.Count : 0;
        var heads = 2L * (config.Dimensions.Layers - crossing) * config.Dimensions.KeyHeads;
        var numbers = heads * config.Dimensions.HeadSize;
        return [("f32", 4 * numbers), ("f16", 2 * numbers), ("int8", numbers + (4 * heads))];
    }
}
