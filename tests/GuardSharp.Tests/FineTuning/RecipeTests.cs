using System.Text.Json;
using GuardSharp.Checkpoints;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Lab.FineTuning;

namespace GuardSharp.Tests.FineTuning;

/// <summary>Whole runs on golden miniatures: the loss falls, the folder loads, its verdicts are what was trained.</summary>
public sealed class RecipeTests
{
    [Fact]
    public async Task A_text_model_learns_a_handful_of_rows_and_its_folder_judges_so()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Steps = 50, Data = run.Config.Data with { Dev = run.Config.Data.Train }, Evaluation = new SftEvaluation { Every = 20 } };

        run.Train();

        AssertFell(run);
        await AssertLearnedAsync(run, images: 0);
        var evaluations = File.ReadLines(run["run/metrics.jsonl"]).Where(line => line.Contains("\"eval\"", StringComparison.Ordinal)).ToList();
        // The base, two on the way, the end.
        Assert.Equal(4, evaluations.Count);
        Assert.Contains("\"step\":0,", evaluations[0], StringComparison.Ordinal);
        using var last = JsonDocument.Parse(evaluations[^1]);
        Assert.Equal(1, last.RootElement.GetProperty("eval").GetProperty("auroc").GetDouble());
        Assert.Equal(8, last.RootElement.GetProperty("eval").GetProperty("rows").GetInt32());
        Assert.True(Directory.Exists(run["run/best"]));
    }

    [Fact]
    public async Task Pictures_read_by_cross_attention_are_learned_with_a_frozen_tower_and_an_empty_picture_for_text()
    {
        using var run = SmallRun.Mllama().WithRows(images: 1).WithRows(file: "text.jsonl");
        run.Config = run.Config with
        {
            Steps = 45,
            SequenceImages = 4,
            Freeze = ["vision_model.*"],
            Data = run.Config.Data with { DummyImage = true, Train = [.. run.Config.Data.Train, new SftSource { File = run["text.jsonl"] }] },
        };

        run.Train();

        AssertFell(run);
        await AssertLearnedAsync(run, images: 1);
        AssertFrozen(run, "vision_model.", isFrozen: true);
        AssertFrozen(run, "multi_modal_projector.", isFrozen: false);
    }

    [Fact]
    public async Task Several_pictures_in_place_of_tokens_are_learned_beside_text_by_ratio()
    {
        using var run = SmallRun.Llama4().WithRows(images: 2).WithRows(file: "text.jsonl");
        run.Config = run.Config with
        {
            Steps = 25,
            Accumulation = 2,
            Data = run.Config.Data with
            {
                Train = [new SftSource { File = run["text.jsonl"], Ratio = 3 }, new SftSource { File = run["rows.jsonl"], Ratio = 1, MinImages = 2, MaxImages = 5 }],
            },
        };

        run.Train();

        AssertFell(run);
        await AssertLearnedAsync(run, images: 2);
        AssertFrozen(run, "vision_model.", isFrozen: false);
    }

    [Fact]
    public void Changed_policies_change_what_is_learned_and_nothing_else_of_the_run()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Steps = 4, Data = run.Config.Data with { Augmentation = new AugmentationRates { DropOther = 0.5, Shuffle = 1, DropViolated = 0.5 } } };
        run.Train();
        var changed = run.Losses();

        using var plain = SmallRun.Llama().WithRows();
        plain.Config = plain.Config with { Steps = 4 };
        plain.Train();

        Assert.Equal(4, changed.Count);
        Assert.NotEqual(changed[1], plain.Losses()[1]);
    }

    [Fact]
    public void A_run_ends_when_its_patience_does_and_keeps_the_best_model()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with
        {
            Steps = 40,
            // So slow that float32 does not notice: no evaluation is better than the first.
            Optimiser = run.Config.Optimiser with { LearningRate = 1e-14, WarmUpSteps = 0 },
            Data = run.Config.Data with { Dev = run.Config.Data.Train },
            Evaluation = new SftEvaluation { Every = 1, Patience = 2, Rows = 3 },
        };

        var state = run.Train();

        Assert.Equal((3, 2), (state.Step, state.Waited));
        Assert.True(Directory.Exists(run["run/best"]));
    }

    [Fact]
    public void The_written_folder_has_the_tensors_types_and_files_of_its_base()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Steps = 1 };

        run.Train();

        using var before = Checkpoint.Open(run.Base);
        using var after = Checkpoint.Open(run["run/last"]);
        Assert.Equal(
            before.Tensors.Select(tensor => $"{tensor.Name} {tensor.Type} {string.Join(',', tensor.Shape)}").Order(),
            after.Tensors.Select(tensor => $"{tensor.Name} {tensor.Type} {string.Join(',', tensor.Shape)}").Order());
        Assert.Equal(
            Directory.GetFiles(run.Base).Select(Path.GetFileName).Order(),
            Directory.GetFiles(run["run/last"]).Select(Path.GetFileName).Order());
        Assert.NotEqual(before.Sha256, after.Sha256);
    }

    private static void AssertFell(SmallRun run)
    {
        var losses = run.Losses().Values.Select(loss => double.Parse(loss, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.True(losses[^1] < 0.25 * losses[0], $"{losses[0]} fell to {losses[^1]} only");
    }

    private static async Task AssertLearnedAsync(SmallRun run, int images)
    {
        var safe = await run.JudgeAsync(run["run/last"], "how do I cook bread", images, seed: 0);
        var harmful = await run.JudgeAsync(run["run/last"], $"{SmallRun.Harmful} bread", images, seed: 10);
        // So few steps leave miniatures with pictures undecided here and there: what they learned is the difference.
        Assert.InRange(safe.UnsafeProbability, 0, 0.5);
        Assert.InRange(harmful.UnsafeProbability, images == 0 ? 0.5 : safe.UnsafeProbability + 0.15, 1);
        Assert.Equal(harmful.Unsafe, harmful.Categories.Count > 0);
        var base0 = await run.JudgeAsync(run.Base, "how do I cook bread", images, seed: 0);
        Assert.NotEqual(base0.UnsafeProbability, safe.UnsafeProbability, 0.01);
    }

    private static void AssertFrozen(SmallRun run, string beginning, bool isFrozen)
    {
        using var before = Checkpoint.Open(run.Base);
        using var after = Checkpoint.Open(run["run/last"]);
        var same = before.Tensors.Where(tensor => tensor.Name.StartsWith(beginning, StringComparison.Ordinal))
            .All(tensor => tensor.ToSingles().AsSpan().SequenceEqual(after.Get(tensor.Name).ToSingles()));
        Assert.Equal(isFrozen, same);
    }
}
