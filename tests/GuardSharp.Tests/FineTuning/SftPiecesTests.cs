using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;

namespace GuardSharp.Tests.FineTuning;

/// <summary>The pieces of the recipe one by one.</summary>
public sealed class SftPiecesTests
{
    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(12, 0.55)]
    [InlineData(20, 0.1)]
    [InlineData(25, 0.1)]
    public void A_cosine_rises_in_a_line_and_falls_to_its_floor(int step, double share)
    {
        var config = new SftOptimiser { LearningRate = 2, WarmUpSteps = 4, Schedule = RateSchedule.Cosine, Floor = 0.1 };

        Assert.Equal(2 * share, LearningRate.At(config, step, 20), 1e-12);
    }

    [Fact]
    public void A_constant_rate_stays_after_its_warm_up()
    {
        var config = new SftOptimiser { LearningRate = 3, WarmUpSteps = 2, Schedule = RateSchedule.Constant };

        Assert.Equal([1.5, 3, 3, 3], Enumerable.Range(0, 4).Select(step => LearningRate.At(config, step, 4)));
    }

    [Fact]
    public void The_answer_alone_is_learned_as_the_template_writes_it()
    {
        using var run = SmallRun.Llama().WithRows();
        using var opened = run.Open();
        var tokens = opened.Model.Encoder;

        var (safe, list) = (opened.Examples()[0], opened.Examples()[3]);

        Assert.Equal([.. tokens.Encode("\n\nsafe"), opened.Model.EndToken], safe.Targets);
        Assert.Equal([.. tokens.Encode("\n\nunsafe\nS1,S10"), opened.Model.EndToken], list.Targets);
        Assert.Equal(list.Targets[..^1], list.Ids[^(list.Targets.Length - 1)..]);
        Assert.Equal(tokens.Special("<|end_header_id|>"), list.Ids[list.FirstAnswer]);
        Assert.Equal(tokens.Encode("unsafe")[0], list.Targets[list.Verdict]);
    }

    [Fact]
    public void Of_an_unsafe_row_without_categories_the_verdict_alone_is_learned()
    {
        using var run = SmallRun.Llama();
        run.WithLines(run.Row("how do I steal bread", [], isUnsafe: true));
        using var opened = run.Open();

        var example = Assert.Single(opened.Examples());

        Assert.Equal(opened.Model.Encoder.Encode("\n\nunsafe"), example.Targets);
        Assert.True(example.Unsafe);
    }

    [Fact]
    public void Bad_rows_are_named_with_file_and_line_and_the_others_are_learned()
    {
        using var run = SmallRun.Llama();
        run.WithLines(
            run.Row("how do I cook bread", []),
            "{ this is no JSON",
            run.Row("x", ["S9"]),
            run.Row("x", ["S77"]),
            run.Row("   ", []),
            """{"messages":[{"role":"user","content":[{"type":"image","path":"nowhere.png"}]}],"unsafe":false}""",
            """{"messages":[{"role":"user","content":"x"}]}""",
            run.Row(string.Concat(Enumerable.Repeat("bread and ", 2000)), []),
            run.Row("how do I steal bread", ["S2"]));
        run.Config = run.Config with { Steps = 1 };
        var notes = new List<string>();

        var state = run.Train(notes: notes);

        var bad = File.ReadAllLines(run["run/bad-rows.jsonl"]);
        Assert.Equal(7, bad.Length);
        Assert.All(Enumerable.Range(2, 7), line => Assert.Single(bad, row => row.Contains($"rows.jsonl:{line}\"", StringComparison.Ordinal)));
        Assert.Contains(notes, note => note.Contains("2 to learn from", StringComparison.Ordinal) && note.Contains("7 that cannot be used", StringComparison.Ordinal));
        Assert.True(state.Rows > 0);
        Assert.DoesNotContain("bread and bread", File.ReadAllText(run["run/bad-rows.jsonl"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_rows_are_strict_one_bad_row_stops_the_run_before_its_first_step()
    {
        using var run = SmallRun.Llama();
        run.WithLines(run.Row("how do I cook bread", []), run.Row("x", ["S77"]));
        run.Config = run.Config with { Data = run.Config.Data with { Strict = true } };

        var error = Assert.Throws<TrainingException>(() => run.Train());

        Assert.Contains("rows.jsonl:2", error.Message, StringComparison.Ordinal);
        Assert.Contains("S77", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(run["run/metrics.jsonl"]));
    }

    [Fact]
    public void A_damaged_picture_is_found_when_it_is_seen_and_named_once()
    {
        using var run = SmallRun.Llama4();
        run.WithLines(run.Row("how do I cook bread", [], images: 1, seed: 1), run.Row("how do I steal bread", ["S2"], images: 1, seed: 2));
        File.WriteAllBytes(run["2-0.png"], [1, 2, 3]);
        run.Config = run.Config with { Steps = 2 };

        run.Train();

        Assert.Contains("rows.jsonl:2", Assert.Single(File.ReadAllLines(run["run/bad-rows.jsonl"])), StringComparison.Ordinal);
    }

    [Fact]
    public void Sources_come_by_their_ratios_and_every_row_before_any_comes_again()
    {
        using var run = SmallRun.Llama().WithRows().WithRows(file: "more.jsonl");
        using var opened = run.Open();
        var sources = (RowSource[])[
            RowSource.Load(new SftSource { File = run["rows.jsonl"], Ratio = 3 }, opened.Encoder, new BadRows(true, _ => { })),
            RowSource.Load(new SftSource { File = run["more.jsonl"], Ratio = 1, Cap = 5 }, opened.Encoder, new BadRows(true, _ => { }))];
        var stream = new RowStream(sources, opened.Encoder, new AugmentationRates(), 5, new BadRows(true, _ => { }));

        var places = Draw(stream, 32);

        Assert.Equal(24, places.Count(place => place.Contains("/rows.jsonl", StringComparison.Ordinal)));
        Assert.Equal(8, places.Where(place => place.Contains("/rows.jsonl", StringComparison.Ordinal)).Take(8).Distinct().Count());
        Assert.Equal(5, places.Where(place => place.Contains("/more.jsonl", StringComparison.Ordinal)).Take(5).Distinct().Count());
    }

    [Fact]
    public void A_position_is_all_a_stream_needs_to_go_on()
    {
        using var run = SmallRun.Llama().WithRows().WithRows(file: "more.jsonl");
        using var opened = run.Open();
        RowStream Make() => new(
            [.. ((string[])["rows.jsonl", "more.jsonl"]).Select(file => RowSource.Load(new SftSource { File = run[file] }, opened.Encoder, new BadRows(true, _ => { })))],
            opened.Encoder, new AugmentationRates { Shuffle = 0.5, DropOther = 0.5, DropViolated = 0.3 }, 5, new BadRows(true, _ => { }));
        var stream = Make();
        Draw(stream, 11);
        var again = Make();
        again.Seek(stream.Position);

        for (var i = 0; i < 12; i++)
        {
            Assert.Equal((stream.Peek().Place, string.Join(',', stream.Peek().Ids)), (again.Peek().Place, string.Join(',', again.Peek().Ids)));
            stream.Take();
            again.Take();
        }
    }

    [Fact]
    public void Sequences_hold_as_many_examples_as_fit_and_lose_none()
    {
        SftExample Make(int tokens, int images) => new("x", new int[tokens], new int[2], 0, false, [.. Enumerable.Repeat(new GuardSharp.Engine.EncodedImage([], 1, 1), images)]);
        SftExample[] examples = [Make(40, 0), Make(50, 0), Make(20, 1), Make(10, 1), Make(10, 3), Make(60, 0)];

        var packs = PackPlanner.Pack(examples, 100, 2).ToList();

        Assert.Equal([[40, 50], [20, 10], [10, 60]], packs.Select(pack => pack.Examples.Select(example => example.Ids.Length).ToArray()));
        Assert.Equal(2, PackPlanner.Pack(examples, 100, null).Count());
    }

    [Theory]
    [InlineData("\"stepz\": 3", "stepz")]
    [InlineData("\"steps\": 0", "\"steps\" is 0; allowed is at least 1")]
    [InlineData("\"optimiser\": { \"schedule\": \"linear\" }", "schedule")]
    [InlineData("\"optimiser\": { \"learningRate\": -1 }", "optimiser.learningRate")]
    [InlineData("\"data\": { \"train\": [] }", "data.train")]
    [InlineData("\"data\": { \"train\": [ { \"file\": \"a\", \"ratio\": 2 }, { \"file\": \"b\" } ] }", "all of them or none")]
    public void A_wrong_configuration_says_which_key(string change, string expected)
    {
        using var folder = new TemporaryFolder();
        var steps = change.Contains("\"steps\"", StringComparison.Ordinal) ? "" : "\"steps\": 5,";
        var data = change.Contains("\"data\"", StringComparison.Ordinal) ? "" : "\"data\": { \"train\": [ { \"file\": \"rows.jsonl\" } ] },";
        var file = folder.Write("run.json", $$"""
            // A comment may stand here.
            { "recipe": "sft", "base": "b", "output": "o", {{steps}} {{data}} {{change}} }
            """);

        var error = Assert.Throws<TrainingException>(() => SftConfigReader.Read(file, []));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_of_the_command_line_replace_those_of_the_file()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("run.json", """{ "recipe": "sft", "base": "b", "output": "o", "steps": 5, "data": { "train": [ { "file": "rows.jsonl" } ] } }""");

        var config = SftConfigReader.Read(file, ["steps=7", "base=other", "data.train.0.file=mine.jsonl", "data.train.1={\"file\":\"more.jsonl\"}", "optimiser.schedule=constant", "data.strict=true"]);

        Assert.Equal((7, "other", RateSchedule.Constant, true), (config.Steps, config.Base, config.Optimiser.Schedule, config.Data.Strict));
        Assert.Equal(["mine.jsonl", "more.jsonl"], config.Data.Train.Select(source => source.File));
        Assert.Contains("KEY=VALUE", Assert.Throws<TrainingException>(() => SftConfigReader.Read(file, ["steps"])).Message, StringComparison.Ordinal);
        Assert.Contains("stepz", Assert.Throws<TrainingException>(() => SftConfigReader.Read(file, ["stepz=1"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_fits_no_tensor_is_refused()
    {
        using var run = SmallRun.Llama().WithRows();

        var error = Assert.Throws<TrainingException>(() => run.Open(["vision_model.*"]));

        Assert.Contains("vision_model.*", error.Message, StringComparison.Ordinal);
    }

    private static List<string> Draw(RowStream stream, int count)
    {
        var places = new List<string>();
        for (var i = 0; i < count; i++)
        {
            places.Add(stream.Peek().Place);
            stream.Take();
        }

        return places;
    }
}
