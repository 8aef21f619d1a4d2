using GuardSharp.Checkpoints;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Starts the encoder's heads at neighbours: every head looks at one patch beside its own, as a convolution does. Letters stand across patches, and a short run finds this out slowly.</summary>
/// <remarks>
/// A query bias u and a key bias u e^(-i f o), rotated by their positions, score Σ |u|² cos(f (distance - o)): highest at the offset o (model note L9).
/// The idea: "convolutional initialisation" of self-attention, S. d'Ascoli et al., ConViT, arXiv:2103.10697.
/// </remarks>
internal static class LocalAttentionStart
{
    private const double Theta = 10000;

    // Nats that the first frequencies of an axis add: sharp to one patch by the first, free of its repetitions (6.3 patches) by the second.
    private static readonly double[] Nats = [8, 3, 0.3];

    // First the four sides, to see whole letters; then along the line, to gather a word's letters.
    private static readonly (int X, int Y)[] Sides = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    private static readonly (int X, int Y)[] NearLine = [(-1, 0), (1, 0), (-2, 0), (2, 0)];
    private static readonly (int X, int Y)[] FarLine = [(-2, 0), (2, 0), (-4, 0), (4, 0)];

    /// <summary>Sets the biases of queries and keys.</summary>
    /// <param name="weights">The network's weights; those of the encoder are changed.</param>
    /// <param name="config">The encoder's sizes.</param>
    public static void Apply(TorchWeights weights, Llama4VisionConfig config)
    {
        using var noGradients = torch.no_grad();
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var offsets = layer < config.Layers / 2 ? Sides : layer < config.Layers - 1 ? NearLine : FarLine;
            var (query, key) = (new float[config.HiddenSize], new float[config.HiddenSize]);
            for (var head = 0; head < config.Heads; head++)
            {
                var (x, y) = offsets[head % offsets.Length];
                var start = head * config.HeadSize;
                SetAxis(query, key, start, x, config.HeadSize);
                SetAxis(query, key, start + (config.HeadSize / 2), y, config.HeadSize);
            }

            var prefix = $"vision_model.model.layers.{layer}.self_attn";
            weights.Parameters[$"{prefix}.q_proj.bias"].copy_(torch.tensor(query));
            weights.Parameters[$"{prefix}.k_proj.bias"].copy_(torch.tensor(key));
        }
    }

    private static void SetAxis(float[] query, float[] key, int start, int offset, int headSize)
    {
        for (var k = 0; k < headSize / 4; k++)
        {
            // The attention divides by the root of the head's size.
            var size = Math.Sqrt(Nats[Math.Min(k, Nats.Length - 1)] * Math.Sqrt(headSize));
            var angle = Math.Pow(Theta, -2.0 * k / (headSize / 2)) * offset;
            query[start + (2 * k)] = (float)size;
            key[start + (2 * k)] = (float)(size * Math.Cos(angle));
            key[start + (2 * k) + 1] = (float)(-size * Math.Sin(angle));
        }
    }
}
