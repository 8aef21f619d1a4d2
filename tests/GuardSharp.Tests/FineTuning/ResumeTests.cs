using System.Text.Json.Nodes;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.Training;
using GuardSharp.Tests.Cli;

namespace GuardSharp.Tests.FineTuning;

/// <summary>A run that was killed goes on as if nothing had happened.</summary>
public sealed class ResumeTests
{
    private const int CheckpointEvery = 3;

    [Fact]
    public async Task Twenty_losses_behind_a_kill_are_those_of_an_uninterrupted_run_bit_for_bit()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs SIGKILL");
        using var run = SmallRun.Llama().WithRows();
        // Longer than anybody waits: both runs are ended from outside.
        run.Config = run.Config with { Steps = 100_000, SequenceTokens = 500, Accumulation = 2, CheckpointEvery = CheckpointEvery, Data = run.Config.Data with { Augmentation = new() { DropOther = 0.5, Shuffle = 0.5 } } };
        var first = run.Config with { Output = run["uninterrupted"] };
        var second = run.Config with { Output = run["killed"] };

        await KillBehindAsync(run, first, 2 * CheckpointEvery + 24, resume: false);
        await KillBehindAsync(run, second, CheckpointEvery + 2, resume: false);
        run.Config = second;
        var before = run.Losses().Keys.Max();
        // A kill in the middle of writing leaves a folder of a temporary name, which is none.
        var checkpoint = Directory.GetDirectories(Path.Combine(second.Output, "checkpoints"), "step-*").Select(Path.GetFileName).Where(name => !name!.EndsWith(".tmp", StringComparison.Ordinal)).Max()!;
        var saved = long.Parse(checkpoint["step-".Length..], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(saved, CheckpointEvery, before);
        await KillBehindAsync(run, second, saved + 20, resume: true);

        var resumed = run.Losses();
        run.Config = first;
        var expected = run.Losses();
        for (var step = saved + 1; step <= saved + 20; step++)
        {
            if (expected.TryGetValue(step, out var loss))
            {
                Assert.Equal(loss, resumed[step]);
            }
        }

        Assert.True(expected.Keys.Max() >= saved + 20 || saved > 2 * CheckpointEvery, "too few steps to compare");
    }

    [Fact]
    public void A_run_in_two_parts_ends_with_the_weights_of_one_in_one_part()
    {
        using var run = SmallRun.Llama4().WithRows(images: 1);
        run.Config = run.Config with { SequenceTokens = 700, Steps = 6, CheckpointEvery = 3, Adversarial = new() { Steps = 1 } };
        var whole = run.Config with { Output = run["whole"] };
        var parts = run.Config with { Output = run["parts"], Steps = 3 };
        run.Config = whole;
        run.Train();
        run.Config = parts;
        run.Train();

        run.Config = parts with { Steps = 6 };
        run.Train(resume: true);

        Assert.Equal(
            File.ReadAllBytes(run["whole/last/model.safetensors"]),
            File.ReadAllBytes(run["parts/last/model.safetensors"]));
        Assert.Single(Directory.GetDirectories(run["parts/checkpoints"]));
    }

    [Fact]
    public void Another_seed_is_another_run()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Steps = 1 };
        run.Train();

        run.Config = run.Config with { Seed = 8, Steps = 2 };

        Assert.Contains("another base, data, seed", Assert.Throws<TrainingException>(() => run.Train(resume: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_could_go_on_is_not_overwritten()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Steps = 1 };
        run.Train();

        Assert.Contains("--resume", Assert.Throws<TrainingException>(() => run.Train()).Message, StringComparison.Ordinal);
    }

    /// <summary>Runs the command in a process of its own and kills it once its numbers tell of a step.</summary>
    private static async Task KillBehindAsync(SmallRun run, SftConfig config, long step, bool resume)
    {
        var file = run[$"{Path.GetFileName(config.Output)}.json"];
        await File.WriteAllTextAsync(file, SftConfigReader.ToJson(config), TestContext.Current.CancellationToken);
        var metrics = Path.Combine(config.Output, "metrics.jsonl");
        using var process = ProcessTests.StartProgram("GuardSharp.Lab.dll", [], ["train", "--config", file, .. resume ? (string[])["--resume"] : []]);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (!process.HasExited && LastStep(metrics) < step)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        Assert.False(process.HasExited, "the run ended by itself: " + (process.HasExited ? await error : ""));
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static long LastStep(string metrics)
    {
        if (!File.Exists(metrics))
        {
            return 0;
        }

        using var stream = new FileStream(metrics, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        // The last line may be half written.
        var whole = reader.ReadToEnd().Split('\n')[..^1];
        return whole.Length == 0 ? 0 : JsonNode.Parse(whole[^1])!["step"]!.GetValue<long>();
    }
}
