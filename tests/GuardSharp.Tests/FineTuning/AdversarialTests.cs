using GuardSharp.Lab.Attacks.Pixels;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Adversarial;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;
using TorchSharp;

namespace GuardSharp.Tests.FineTuning;

/// <summary>Adversarial training: pictures changed against the model before they are learned.</summary>
public sealed class AdversarialTests
{
    private static readonly AdversarialConfig _strong = new() { Epsilon = 24, StepSize = 6, Steps = 6, Share = 1 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Changed_pictures_stay_within_the_bound_and_make_the_right_answer_less_likely(bool crossAttention)
    {
        using var run = crossAttention ? SmallRun.Mllama().WithRows(images: 1) : SmallRun.Llama4().WithRows(images: 2);
        using var opened = run.Open();
        var pack = new SftPack(opened.Examples()[..3]);
        var adversary = new AdversarialTiles(opened.Network, opened.Model, _strong);

        var attacked = adversary.Attack(pack, seed: 5);

        Assert.True(Loss(opened, attacked) > Loss(opened, pack) + 1e-3, "the attack did not raise the loss");
        var values = TileValues.Of(opened.Model.Images!);
        foreach (var (clean, changed) in pack.Examples.Zip(attacked.Examples).SelectMany(pair => pair.First.Images.Zip(pair.Second.Images)))
        {
            var area = opened.Model.Tokens.TileSize * opened.Model.Tokens.TileSize;
            var levels = clean.Pixels.Zip(changed.Pixels).Select((pair, place) => Math.Abs(pair.First - pair.Second) / values.Level[place / area % 3]).Max();
            Assert.Equal(24, levels, 0.01);
            Assert.All(changed.Pixels.Index().Where(entry => entry.Index % 97 == 0), entry =>
                Assert.InRange((entry.Item - values.Black[entry.Index / area % 3]) / values.Level[entry.Index / area % 3], -1e-3, 255.001));
        }

        // Nothing of it stays in the network: its parameters learn as before, and have no gradient of the attack.
        Assert.All(opened.Network.Trainable, entry => Assert.True(entry.Parameter.requires_grad && entry.Parameter.grad is null, entry.Name));
        Assert.Same(pack, new AdversarialTiles(opened.Network, opened.Model, _strong with { Share = 1e-9 }).Attack(pack, 5));
        Assert.Equal(attacked.Examples[0].Images[0].Pixels, adversary.Attack(pack, seed: 5).Examples[0].Images[0].Pixels);
    }

    [Fact]
    public void The_loss_under_attack_falls_when_attacked_pictures_are_learned()
    {
        using var run = SmallRun.Llama4().WithRows(images: 1);
        var before = LossUnderAttack(run);
        run.Config = run.Config with { Adversarial = new AdversarialConfig { Epsilon = 24, StepSize = 24, Steps = 1, Share = 1 }, Steps = 15 };
        run.Train();
        run.Config = run.Config with { Base = Path.Combine(run.Config.Output, "last") };
        var after = LossUnderAttack(run);
        Assert.True(after < before / 2, $"loss under attack {before:F3} before, {after:F3} after");
    }

    [Theory]
    [InlineData("adversarial.epsilon=0", "adversarial.epsilon")]
    [InlineData("adversarial.steps=101", "adversarial.steps")]
    [InlineData("adversarial.share=2", "adversarial.share")]
    [InlineData("adversarial.stepsize=1", "stepsize")]
    public void A_wrong_value_is_named(string setting, string key)
    {
        using var run = SmallRun.Llama().WithRows();
        File.WriteAllText(run["config.json"], SftConfigReader.ToJson(run.Config));
        Assert.Contains(key, Assert.Throws<TrainingException>(() => SftConfigReader.Read(run["config.json"], ["adversarial={}", setting])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_text_alone_has_no_pictures_to_change()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Adversarial = new AdversarialConfig() };
        Assert.Contains("judges text alone", Assert.Throws<TrainingException>(() => run.Train()).Message, StringComparison.Ordinal);
    }

    private static double LossUnderAttack(SmallRun run)
    {
        using var model = BaseModel.Open(run.Config.Base, null);
        using var network = new SftNetwork(model, torch.CPU, []);
        var encoder = new RowEncoder(model, run.Config);
        var source = RowSource.Load(run.Config.Data.Train[0], encoder, new BadRows(true, _ => { }));
        var pack = new SftPack([.. Enumerable.Range(0, 4).Select(row => encoder.Encode(source.Read(row)))]);
        return Loss(network, model, new AdversarialTiles(network, model, _strong with { Steps = 3, StepSize = 12 }).Attack(pack, seed: 11));
    }

    private static double Loss(SmallRun.Opened opened, SftPack pack) => Loss(opened.Network, opened.Model, pack);

    private static double Loss(SftNetwork network, BaseModel model, SftPack pack)
    {
        using var scope = network.Ops.Scope();
        using var frozen = torch.no_grad();
        return AnswerLoss.Of(new PackPass(network, model, recompute: false).Judge(pack), pack, pack.Answers).item<float>();
    }
}
