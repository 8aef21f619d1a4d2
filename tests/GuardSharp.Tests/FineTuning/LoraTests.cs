using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;

namespace GuardSharp.Tests.FineTuning;

/// <summary>Adapters in place of the base: what learns, what is written, that it judges.</summary>
public sealed class LoraTests
{
    private static SmallRun Adapted(SmallRun run, double dropout = 0, string? pattern = null)
    {
        run.Config = run.Config with
        {
            Lora = new SftLora { Rank = 8, Alpha = 32, Dropout = dropout, Pattern = pattern },
            Optimiser = run.Config.Optimiser with { LearningRate = 1e-2 },
        };
        return run;
    }

    [Fact]
    public async Task An_adapter_learns_beside_a_base_that_stays_and_the_guard_loads_it()
    {
        using var run = Adapted(SmallRun.Llama().WithRows(), dropout: 0.02);
        run.Config = run.Config with { Steps = 50, CheckpointEvery = 40 };

        run.Train();

        Assert.Equal(
            ["adapter_config.json", "adapter_model.safetensors", "guardsharp-base.json"],
            Directory.GetFiles(run["run/last"]).Select(Path.GetFileName).Order());
        using var adapter = Adapter.Open(run["run/last"]);
        Assert.Equal((8, 4f), (adapter.Config.Rank, adapter.Config.Scale));
        Assert.Contains("model.layers.0.mlp.down_proj", adapter.Modules.Keys);
        Assert.DoesNotContain(adapter.Modules.Keys, module => module.Contains("lm_head", StringComparison.Ordinal) || module.Contains("embed", StringComparison.Ordinal));
        var losses = run.Losses().Values.Select(loss => double.Parse(loss, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.True(losses[^1] < 0.3 * losses[0], $"{losses[0]} fell to {losses[^1]} only");
        var safe = await run.JudgeAsync(run.Base, "how do I cook bread", adapter: run["run/last"]);
        var harmful = await run.JudgeAsync(run.Base, $"{SmallRun.Harmful} bread", adapter: run["run/last"]);
        Assert.InRange(safe.UnsafeProbability, 0, 0.45);
        Assert.InRange(harmful.UnsafeProbability, 0.55, 1);
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("mllama")]
    [InlineData("llama4")]
    public void Recomputed_activations_see_the_same_dropout(string family)
    {
        using var run = Adapted(family switch
        {
            "llama" => SmallRun.Llama().WithRows(),
            "mllama" => SmallRun.Mllama().WithRows(images: 1),
            _ => SmallRun.Llama4().WithRows(images: 1),
        }, dropout: 0.3);
        using var opened = run.Open();
        SftPack[] packs = [.. PackPlanner.Pack(opened.Examples().Take(3), 4000, null)];
        // B is zero at the start, and nothing would reach A.
        opened.Disturb();

        var kept = opened.Backward(packs, recompute: false);
        var again = opened.Backward(packs, recompute: true);

        Assert.Equal(kept.Loss, again.Loss, 1e-6);
        StepGradientTests.AssertSame(kept.Gradients, again.Gradients, 1e-4);
        Assert.Equal(family != "llama", again.Gradients.Keys.Any(name => name.StartsWith("vision_model.", StringComparison.Ordinal)));
        Assert.NotEqual(kept.Loss, opened.Backward(packs, recompute: true, seed: 5).Loss, 1e-4);
    }

    [Fact]
    public void An_adapter_in_two_parts_is_that_of_one_part_dropout_included()
    {
        using var run = Adapted(SmallRun.Llama().WithRows(), dropout: 0.2);
        run.Config = run.Config with { SequenceTokens = 900, CheckpointEvery = 2 };
        var (whole, parts) = (run.Config with { Output = run["whole"], Steps = 4 }, run.Config with { Output = run["parts"], Steps = 2 });
        run.Config = whole;
        run.Train();
        run.Config = parts;
        run.Train();
        run.Config = parts with { Steps = 4 };
        run.Train(resume: true);

        Assert.Equal(File.ReadAllBytes(run["whole/last/adapter_model.safetensors"]), File.ReadAllBytes(run["parts/last/adapter_model.safetensors"]));
    }

    [Fact]
    public void A_pattern_keeps_the_vision_encoder_out()
    {
        using var run = Adapted(SmallRun.Llama4().WithRows(images: 1), pattern: "language_model\\..*self_attn\\.[qkvo]_proj");
        using var opened = run.Open();

        Assert.NotEmpty(opened.Network.Trainable);
        Assert.All(opened.Network.Trainable, entry => Assert.Contains("language_model.model.layers.", entry.Name, StringComparison.Ordinal));
        Assert.False(opened.Network.LearnsPictures);
    }

    [Fact]
    public void Targets_that_no_module_has_are_refused()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Lora = new SftLora { Targets = ["q_projection"] } };

        Assert.Contains("lora.targets", Assert.Throws<TrainingException>(() => run.Open()).Message, StringComparison.Ordinal);
    }
}
