using System.Globalization;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Tests.Cli;
using GuardSharp.Tests.Distillation;

namespace GuardSharp.Tests.FineTuning;

/// <summary>The named configurations: what was published stands in them, and each runs from the first step to the last on a golden miniature.</summary>
public sealed class NamedConfigTests
{
    private static string File(string name) => Path.Combine(TestFiles.Root, "models", "training", name + ".json");

    [Fact]
    public void Llama_Guard_3_Vision_has_the_published_rate_steps_and_length()
    {
        var config = SftConfigReader.Read(File("llama-guard-3-vision"), []);

        Assert.Equal((1e-5, 3600, 8192), (config.Optimiser.LearningRate, config.Steps, config.SequenceTokens));
        Assert.True(config.Data.DummyImage);
        Assert.True(config.Data.Augmentation is { DropOther: > 0, Shuffle: > 0 });
        Assert.All(config.Data.Train, source => Assert.InRange(source.MaxImages!.Value, 0, 1));
    }

    [Fact]
    public void Llama_Guard_4_sees_three_texts_for_one_row_with_pictures_and_mostly_two_to_five_of_them()
    {
        var sources = SftConfigReader.Read(File("llama-guard-4"), []).Data.Train;

        var text = sources.Where(source => source.MaxImages == 0).Sum(source => source.Ratio!.Value);
        var pictures = sources.Where(source => source.MinImages > 0).Sum(source => source.Ratio!.Value);
        Assert.Equal(3, text / pictures, 1e-9);
        Assert.True(sources.Single(source => source is { MinImages: 2, MaxImages: 5 }).Ratio > pictures / 2);
    }

    [Fact]
    public void The_1B_is_distilled_from_the_8B_on_text_by_logits_more_than_by_labels()
    {
        var config = SftConfigReader.Read(File("llama-guard-3-1b-distill"), []);

        Assert.EndsWith("Llama-Guard-3-8B", config.Teacher!.Folder, StringComparison.Ordinal);
        Assert.InRange(config.Teacher.LabelShare, 0, 0.5);
        Assert.All(config.Data.Train, source => Assert.Equal(0, source.MaxImages));
        Assert.Null(config.Lora);
    }

    public static TheoryData<string> All =>
        [.. Directory.GetFiles(Path.Combine(TestFiles.Root, "models", "training"), "*.json").Where(file => SftConfigReader.RecipeOf(file) == SftConfig.RecipeName).Select(file => Path.GetFileNameWithoutExtension(file))];

    [Theory]
    [MemberData(nameof(All))]
    public void A_named_configuration_runs_from_end_to_end_on_a_miniature(string name)
    {
        var named = SftConfigReader.Read(File(name), []);
        var vision = named.Data.Train.Any(source => source.MinImages > 0);
        using var run = name switch
        {
            "llama-guard-3-vision" => SmallRun.Mllama(),
            _ when name.StartsWith("llama-guard-4", StringComparison.Ordinal) => SmallRun.Llama4(),
            _ => SmallRun.Llama(),
        };
        run.WithRows(file: "text.jsonl");
        if (vision)
        {
            // One row more with two pictures: a source of its own in some configurations.
            run.WithRows(images: 1, file: "pictures.jsonl").WithRows(images: name.Contains("vision", StringComparison.Ordinal) ? 1 : 2, file: "pictures.jsonl");
        }

        var sources = named.Data.Train;
        // A student has to come near to a distribution, which takes more steps than a label.
        var steps = named.Teacher is null ? 8 : 24;
        string[] models = named.Teacher is null ? [$"base={run.Base}"] : [$"base={DistillationTests.Prune(run)}", $"teacher.folder={run.Base}"];
        run.Config = SftConfigReader.Read(File(name),
        [
            .. models, $"output={run["run"]}", $"data.policy={run.PolicyFile}", $"data.dev.0.file={run["text.jsonl"]}",
            .. sources.Select((source, place) => string.Create(CultureInfo.InvariantCulture, $"data.train.{place}.file={run[source.MinImages > 0 ? "pictures.jsonl" : "text.jsonl"]}")),
            "device=cpu", "threads=1", "bFloat16Products=false", $"steps={steps}", "sequenceTokens=1000", "accumulation=1", $"evaluation.every={steps / 2}", $"checkpointEvery={steps / 2}",
            $"optimiser.learningRate={(name.EndsWith("lora", StringComparison.Ordinal) ? "1e-2" : "3e-3")}", "optimiser.warmUpSteps=2",
            "data.augmentation.shuffle=0",
        ]);

        var state = run.Train();

        Assert.Equal(steps, state.Step);
        var losses = run.Losses().Values.Select(loss => double.Parse(loss, CultureInfo.InvariantCulture)).ToList();
        Assert.True(losses[^1] < 0.8 * losses[0], $"{losses[0]} fell to {losses[^1]} only");
        Assert.All((string[])["best", "last", "checkpoints"], folder => Assert.True(Directory.Exists(run["run/" + folder]), folder));
        Assert.StartsWith("<?xml", System.IO.File.ReadAllText(run["run/loss.svg"]), StringComparison.Ordinal);
        Assert.False(System.IO.File.Exists(run["run/bad-rows.jsonl"]));
    }

    [Fact]
    public async Task An_unknown_recipe_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();

        var run = await CommandLineRun.OfLabAsync("train", "--config", folder.Write("x.json", """{ "recipe": "rlhf" }"""));

        Assert.Equal(2, run.Code);
        Assert.Contains("\"rlhf\"; allowed is \"sft\"", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_list_names_every_one_and_what_it_is_for()
    {
        var run = await CommandLineRun.OfLabAsync("train", "--list");

        Assert.Equal(0, run.Code);
        Assert.All(Directory.GetFiles(Path.Combine(TestFiles.Root, "models", "training"), "llama-guard-*.json"), file => Assert.Contains(Path.GetFileNameWithoutExtension(file), run.Out, StringComparison.Ordinal));
        Assert.Contains("arXiv:2411.10414", run.Out, StringComparison.Ordinal);
    }
}
