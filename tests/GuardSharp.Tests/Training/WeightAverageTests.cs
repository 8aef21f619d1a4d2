using GuardSharp.Lab.Training.Text;
using TorchSharp;

namespace GuardSharp.Tests.Training;

public sealed class WeightAverageTests
{
    [Fact]
    public void The_average_follows_the_weights_and_forgets_the_start_first()
    {
        using var scope = torch.NewDisposeScope();
        var weight = torch.zeros(2).requires_grad_(true);
        using var average = new WeightAverage([("w", weight)], 0.5);
        using (torch.no_grad())
            weight.fill_(1);

        average.Update(WeightAverage.Every - 1); // between two updates nothing happens
        Assert.Equal(0, Value(average), 1e-6);

        average.Update(WeightAverage.Every); // the decay's eighth power, 1/256, is less than the start's tenth
        Assert.Equal(1 - Math.Pow(0.5, WeightAverage.Every), Value(average), 1e-5);
    }

    [Fact]
    public void A_slow_average_starts_fast()
    {
        using var scope = torch.NewDisposeScope();
        var weight = torch.ones(1);
        using var average = new WeightAverage([("w", weight)], 0.9999);
        using (torch.no_grad())
            weight.fill_(2);

        average.Update(WeightAverage.Every);

        Assert.Equal(1.9, Value(average), 1e-5); // the first update keeps a tenth
    }

    [Fact]
    public void Exchanging_twice_gives_both_back()
    {
        using var scope = torch.NewDisposeScope();
        var weight = torch.ones(3);
        using var average = new WeightAverage([("w", weight)], 0.99);
        using (torch.no_grad())
            weight.fill_(5);

        average.Exchange();
        Assert.Equal(1, weight[0].item<float>());

        average.Exchange();
        Assert.Equal(5, weight[0].item<float>());
        Assert.Equal(1, Value(average));
    }

    private static float Value(WeightAverage average) => average.State().Single().Value[0].item<float>();
}
