using GuardSharp.Checkpoints;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Lab.Training.Vision;

namespace GuardSharp.Tests.Training.Vision;

public sealed class LocalAttentionStartTests
{
    private const int HeadSize = 32;

    [Theory]
    [InlineData(0, 0, -1, 0)]
    [InlineData(0, 3, 0, 1)]
    [InlineData(2, 2, -2, 0)]
    [InlineData(3, 3, 4, 0)]
    public void A_head_starts_looking_at_its_neighbour(int layer, int head, int x, int y)
    {
        var config = Llama4Config.Read(Path.Combine(TestFiles.Root, "models", "guardsharp-tiny"));
        using var network = new TextNetwork(config with { Vision = config.Vision! with { Layers = 4 } }, 1);
        LocalAttentionStart.Apply(network.Weights, config.Vision with { Layers = 4 });
        var query = Bias(network, layer, "q_proj", head);
        var key = Bias(network, layer, "k_proj", head);

        // Patches of a tile are at most 15 apart; scores of patch (7, 7) with all others, by the biases alone.
        var scores = new Dictionary<(int X, int Y), double>();
        for (var row = 0; row < 16; row++)
        {
            for (var column = 0; column < 16; column++)
                scores[(column - 7, row - 7)] = Dot(Rotated(query, 7, 7), Rotated(key, column, row)) / Math.Sqrt(HeadSize);
        }

        Assert.Equal((x, y), scores.MaxBy(score => score.Value).Key);
        // Two thirds of the attention at least fall on it.
        Assert.True(Math.Exp(scores[(x, y)]) / scores.Values.Sum(Math.Exp) > 0.66);
    }

    private static float[] Bias(TextNetwork network, int layer, string name, int head) =>
        network.Weights.Parameters[$"vision_model.model.layers.{layer}.self_attn.{name}.bias"].data<float>().ToArray()[(head * HeadSize)..((head + 1) * HeadSize)];

    // Model note L9.
    private static double[] Rotated(float[] values, int x, int y)
    {
        var result = new double[HeadSize];
        for (var i = 0; i < HeadSize / 2; i++)
        {
            var isX = i < HeadSize / 4;
            var angle = ((isX ? x : y) + 1) * Math.Pow(10000, -2.0 * (i % (HeadSize / 4)) / (HeadSize / 2));
            result[2 * i] = (values[2 * i] * Math.Cos(angle)) - (values[(2 * i) + 1] * Math.Sin(angle));
            result[(2 * i) + 1] = (values[2 * i] * Math.Sin(angle)) + (values[(2 * i) + 1] * Math.Cos(angle));
        }

        return result;
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (one, other) => one * other).Sum();
}
