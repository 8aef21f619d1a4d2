namespace GuardSharp.Checkpoints;

/// <summary>How much memory a model's weights take in each precision.</summary>
internal static class MemoryEstimate
{
    // int8 and int4 store a half-precision scale for every 32 numbers.
    private const double ScaleBytes = 2.0 / 32;

    /// <summary>Bytes of the weights: as published in bfloat16, in int8, and in int4 with the head and the vision encoder in int8.</summary>
    /// <remarks>Vectors (norms, biases, gates) stay in single precision. Head and vision are what four bits harm most.</remarks>
    public static IReadOnlyList<(string Precision, long Bytes)> Of(IModelConfig config)
    {
        var (bf16, int8, int4) = (0.0, 0.0, 0.0);
        foreach (var (name, shape) in config.Tensors())
        {
            var count = shape.Aggregate(1.0, (product, size) => product * size);
            var isVector = shape.Length == 1;
            bf16 += count * 2;
            int8 += count * (isVector ? 4 : 1 + ScaleBytes);
            int4 += count * (isVector ? 4 : KeepsEightBits(name) ? 1 + ScaleBytes : 0.5 + ScaleBytes);
        }

        return [("bf16", (long)bf16), ("int8", (long)int8), ("int4", (long)int4)];
    }

    /// <summary>Bytes that each token of a conversation adds to the KV cache, in single precision.</summary>
    public static long PerToken(IModelConfig config)
    {
        // A layer of cross-attention keeps keys and values of the picture, not of tokens.
        var crossing = config is MllamaConfig mllama ? mllama.Text.CrossLayers.Count : 0;
        return 2L * sizeof(float) * (config.Dimensions.Layers - crossing) * config.Dimensions.KeyHeads * config.Dimensions.HeadSize;
    }

    private static bool KeepsEightBits(string name) =>
        name.Contains("lm_head", StringComparison.Ordinal) || name.StartsWith("vision_model.", StringComparison.Ordinal)
        || name.StartsWith("multi_modal_projector.", StringComparison.Ordinal);
}
