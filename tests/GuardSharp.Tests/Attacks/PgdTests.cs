using GuardSharp.Conversations;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Imaging;
using GuardSharp.Tests.Cli;
using GuardSharp.Tests.Engine;

namespace GuardSharp.Tests.Attacks;

/// <summary>guardsharp-lab attack pgd, from the command line to the files it leaves, on guardsharp-tiny and on the golden miniatures.</summary>
public sealed class PgdTests(TestModel model) : IDisposable
{
    // torch and the processor's kernels sum in another order.
    private const double BackendTolerance = 1e-4;

    private readonly AttackFiles _files = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Pictures_within_the_bound_fool_the_guard_more_often_the_larger_it_is_and_every_success_holds_from_its_file()
    {
        var data = _files.Typeset();
        var run = await AttackAsync(data, "run", "--epsilon", "0,4,64", "--steps", "12", "--json");
        var table = run.Json().GetProperty("table").EnumerateArray().ToList();
        Assert.Equal(["epsilon 0/255", "epsilon 4/255", "epsilon 64/255"], table.Select(row => row.GetProperty("setting").GetString()));
        Assert.All(table, row => Assert.Equal(("prompt", 4), (row.GetProperty("task").GetString(), row.GetProperty("rows").GetInt32())));
        int[] safe = [.. table.Select(row => row.GetProperty("safeAfter").GetInt32())];
        Assert.Equal(table[0].GetProperty("safeBefore").GetInt32(), safe[0]);
        Assert.True(safe[0] < 4 && safe[0] <= safe[1] && safe[1] <= safe[2], $"judged safe: {string.Join(", ", safe)} of 4");
        Assert.Equal(4, safe[2]);

        var (summary, results) = AttackFolder.Read(_files["run"]);
        await using var guard = GuardClassifier.Load(options: new GuardOptions { Threads = 1, ConversationCacheBytes = 0, ImageCacheBytes = 0 });
        Assert.Equal((guard.Capabilities.Model, guard.Capabilities.Threshold, "typeset.jsonl"), (summary.Model, summary.Threshold, summary.Data));
        foreach (var result in results)
        {
            var levels = int.Parse(result.Setting.Split(' ', '/')[1]);
            var before = _files.Decode($"{result.Id[^1]}.png");
            var file = Path.Combine(_files["run"], result.AttackedPicture!);
            Assert.InRange(LargestDifference(before, _files.Decode(file)), 0, levels);
            Assert.Equal(levels == 0 ? 0 : LargestDifference(before, _files.Decode(file)), LargestDifference(_files.Decode(Path.Combine(_files["run"], result.OriginalPicture!)), _files.Decode(file)));
            var verdict = await guard.ClassifyAsync(new Conversation([new Turn(Role.User, [new ImagePart(await File.ReadAllBytesAsync(file, Cancellation))])]), cancellationToken: Cancellation);
            Assert.Equal((result.After, result.SafeAfter), (verdict.UnsafeProbability, !verdict.Unsafe));
            Assert.True(levels > 0 || result.Before == result.After, "a clean picture through its file has another verdict");
            if (result.Curve.Count > 1)
            {
                // Two pictures that begin unsafe and are judged safe are one falling curve, seen by torch as the guard sees it.
                Assert.True(result.Curve[^1] < result.Curve[0], string.Join(' ', result.Curve));
                Assert.Equal(result.Curve.Min(), result.After, BackendTolerance);
            }
        }

        Assert.Contains(results, result => result.Curve.Count > 2);
    }

    [Fact]
    public async Task A_run_that_was_stopped_goes_on_and_ends_the_same()
    {
        var data = _files.Typeset();
        string[] options = ["--epsilon", "0,2,6", "--steps", "3", "--json", "--random-start", "--restarts", "2", "--limit", "3"];
        var whole = await AttackAsync(data, "whole", options);
        await AttackAsync(data, "stopped", options);
        var results = _files["stopped/results.jsonl"];
        // The end of the second row and all of the third are lost, the last line is half.
        var lines = await File.ReadAllLinesAsync(results, Cancellation);
        await File.WriteAllTextAsync(results, string.Join('\n', lines[..4]) + "\n" + lines[4][..20], Cancellation);
        File.Delete(_files["stopped/attack.json"]);
        var rest = await AttackAsync(data, "stopped", options);
        Assert.Equal(whole.Out, rest.Out);
        Assert.Equal(await File.ReadAllTextAsync(_files["whole/results.jsonl"], Cancellation), await File.ReadAllTextAsync(results, Cancellation));
        (await RunAsync(data, "stopped", "--epsilon", "0,2", "--steps", "3")).IsRefused("other settings");
    }

    [Fact]
    public async Task One_perturbation_is_found_on_some_rows_and_reported_on_the_others()
    {
        var data = _files.Typeset();
        string[] options = ["--universal", "--held-out", "0.25", "--epsilon", "0,48", "--steps", "6", "--json"];
        var run = await AttackAsync(data, "universal", options);
        var (_, results) = AttackFolder.Read(_files["universal"]);
        Assert.Equal(
            [("universal epsilon 0/255", 1), ("universal epsilon 0/255, rows it was found on", 3), ("universal epsilon 48/255", 1), ("universal epsilon 48/255, rows it was found on", 3)],
            results.GroupBy(result => result.Setting).Select(group => (group.Key, group.Count())));
        Assert.All(results.Take(4), result => Assert.Equal(result.Before, result.After));
        var moved = results.Skip(4).ToList();
        Assert.True(moved.Average(result => result.After) < moved.Average(result => result.Before) - 0.1, string.Join(' ', moved.Select(result => $"{result.Before:F3}-{result.After:F3}")));
        Assert.All(moved, result => Assert.InRange(LargestDifference(_files.Decode($"{result.Id[^1]}.png"), _files.Decode(Path.Combine(_files["universal"], result.AttackedPicture!))), 1, 48));

        // A run that was stopped behind the search takes what was found.
        var results2 = _files["universal/results.jsonl"];
        await File.WriteAllLinesAsync(results2, (await File.ReadAllLinesAsync(results2, Cancellation))[..5], Cancellation);
        Assert.Equal(run.Out, (await AttackAsync(data, "universal", options)).Out);
        Assert.NotEmpty(_files.Decode("universal/pictures/universal-48.png").Pixels);
    }

    [Fact]
    public async Task Rows_without_pictures_are_refused_or_typeset()
    {
        var data = _files.Texts();
        (await RunAsync(data, "none")).IsRefused("none of its 3 rows can be attacked: 2 unsafe rows have no picture (--typeset makes one");
        (await RunAsync(data, "none", "--task", "response", "--typeset", "--epsilon", "0,0")).IsRefused("twice");
        var run = await AttackAsync(data, "response", "--task", "response", "--typeset", "--epsilon", "0,32", "--steps", "6");
        var (_, results) = AttackFolder.Read(_files["response"]);
        Assert.Equal([("r", "response"), ("r", "response")], results.Select(result => (result.Id, result.Task)));
        Assert.True(results[1].After <= results[1].Before);
        Assert.Contains("response", run.Out);
    }

    [Theory]
    [InlineData("--epsilon", "0.5")]
    [InlineData("--epsilon", "256")]
    [InlineData("--steps", "0")]
    [InlineData("--step-size", "0")]
    [InlineData("--limit", "0")]
    [InlineData("--task", "both")]
    public async Task A_wrong_option_says_what_is_allowed(string option, string value) =>
        (await RunAsync(_files.Typeset(), "wrong", option, value)).IsRefused($"{option} ");

    [Theory]
    [InlineData(false, 1)]
    [InlineData(false, 2)]
    [InlineData(true, 1)]
    public async Task The_golden_miniatures_are_attacked_from_end_to_end(bool crossAttention, int images)
    {
        using var folder = new TemporaryFolder();
        if (crossAttention)
        {
            Llama3Folders.WriteMllama(folder.Path);
        }

        // At 0 every verdict is unsafe: the whole budget is spent, whatever the random weights say.
        await AttackAsync(_files.Noise(2, images), "golden", "--model", crossAttention ? folder.Path : model.Folder, "--epsilon", "0,16", "--steps", "6", "--step-size", "4", "--threshold", "0");
        var (_, results) = AttackFolder.Read(_files["golden"]);
        Assert.Equal(4, results.Count);
        foreach (var pair in results.GroupBy(result => result.Id).Select(group => group.ToList()))
        {
            Assert.Equal(pair[0].Before, pair[0].After);
            Assert.Equal(7, pair[1].Curve.Count);
            Assert.Equal(pair[0].Before, pair[1].Curve[0], BackendTolerance);
            Assert.True(pair[1].After < pair[1].Before, $"{pair[1].Before} became {pair[1].After}");
            Assert.False(pair[1].SafeAfter);
            for (var image = 0; image < images; image++)
            {
                var after = Path.ChangeExtension(Path.Combine(_files["golden"], pair[1].AttackedPicture!), image == 0 ? ".png" : ".2.png");
                Assert.Equal(16, LargestDifference(_files.Decode($"noise-{pair[0].Id[^1]}-{image}.png"), _files.Decode(after), overWhite: crossAttention));
            }
        }
    }

    private static int LargestDifference(RgbaImage before, RgbaImage after, bool overWhite = false)
    {
        var flat = overWhite ? MllamaImageProcessor.OnWhite(before) : before;
        Assert.Equal((flat.Width, flat.Height), (after.Width, after.Height));
        return flat.Pixels.Zip(after.Pixels).Index().Where(entry => entry.Index % 4 != 3).Max(entry => Math.Abs(entry.Item.First - entry.Item.Second));
    }

    [Fact]
    public async Task An_attacker_who_knows_of_a_defence_sees_what_the_defended_guard_says()
    {
        var data = _files.Typeset();
        var run = await AttackAsync(data, "adaptive", "--epsilon", "24", "--steps", "6", "--limit", "2", "--defence", "bits:2", "--defence", "resize-jitter:1", "--adaptive", "--json");
        Assert.Contains("+bits:2+resize-jitter:1@", run.Json().GetProperty("model").GetString());
        var (_, results) = AttackFolder.Read(_files["adaptive"]);
        Assert.Contains(results, result => result.Curve.Count > 1 && result.Curve[^1] < result.Curve[0]);
        // The worst of four looks, by torch and by the guard.
        Assert.All(results.Where(result => result.Curve.Count > 1), result => Assert.Equal(result.Curve.Min(), result.After, BackendTolerance));
        (await RunAsync(data, "alone", "--adaptive")).IsRefused("name a defence");
    }

    private Task<CommandLineRun> RunAsync(string data, string output, params string[] options) =>
        CommandLineRun.OfLabAsync(["attack", "pgd", "--data", data, "--output", _files[output], "--threads", "1", .. options]);

    private async Task<CommandLineRun> AttackAsync(string data, string output, params string[] options)
    {
        var run = await RunAsync(data, output, options);
        Assert.True(run.Code == 0, run.Error);
        return run;
    }
}
