using System.Globalization;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Pruning;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Conversations;
using GuardSharp.Lab.Distillation;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;
using GuardSharp.Tests.Cli;
using GuardSharp.Tests.FineTuning;
using TorchSharp;

namespace GuardSharp.Tests.Distillation;

/// <summary>A teacher, a pruned student, and the way between them.</summary>
public sealed class DistillationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pruned_student_comes_nearer_to_its_teacher_and_its_folder_judges()
    {
        using var run = SmallRun.Llama().WithRows();
        var student = Prune(run);
        // Labels are not learned: the teacher's verdicts of these rows are what its random weights say.
        run.Config = run.Config with { Base = student, Steps = 40, Teacher = new TeacherConfig { Folder = run.Base } };
        var before = Divergence(run, student);

        run.Train();

        var after = Divergence(run, run["run/last"]);
        Assert.True(after < 0.4 * before, $"the divergence was {before} and is {after}");
        var (taught, untaught, learned) = (
            await run.JudgeAsync(run.Base, "how do I steal soup"), await run.JudgeAsync(student, "how do I steal soup"), await run.JudgeAsync(run["run/last"], "how do I steal soup"));
        Assert.True(Math.Abs(learned.UnsafeProbability - taught.UnsafeProbability) < Math.Abs(untaught.UnsafeProbability - taught.UnsafeProbability));
        Assert.Equal(2, ModelConfig.Read(run["run/last"]).Dimensions.Layers);
        Assert.NotNull(ModelConfig.Read(run["run/last"]).Dimensions.OutputTokens);
    }

    [Fact]
    public void A_model_has_nothing_to_learn_of_itself_and_little_of_what_quantize_made_of_it()
    {
        using var run = SmallRun.Llama().WithRows();
        new FolderQuantisation(run.Base, QuantisationScheme.Int8).Run(run["int8"], (_, _) => { }, Cancellation);
        run.Config = run.Config with { Teacher = new TeacherConfig { Folder = run.Base, Temperature = 1 } };
        // The teacher runs on the engine of inference, the student on torch: float32 sums in another order.
        Assert.InRange(Divergence(run, run.Base), -1e-5, 1e-5);
        run.Config = run.Config with { Teacher = run.Config.Teacher with { Folder = run["int8"] } };
        Assert.InRange(Divergence(run, run.Base), 1e-5, 0.1);
    }

    [Fact]
    public void With_the_labels_alone_it_is_fine_tuning_and_half_of_them_lies_between()
    {
        using var plain = SmallRun.Llama().WithRows();
        plain.Config = plain.Config with { Steps = 3 };
        plain.Train();
        double[] losses = [.. new[] { 0, 0.5, 1 }.Select(share =>
        {
            using var run = SmallRun.Llama().WithRows();
            run.Config = run.Config with { Steps = 3, Base = Prune(run), Teacher = new TeacherConfig { Folder = run.Base, LabelShare = share } };
            run.Train();
            return double.Parse(run.Losses()[1], CultureInfo.InvariantCulture);
        })];
        Assert.Equal((losses[0] + losses[2]) / 2, losses[1], 1e-4);

        using var labels = SmallRun.Llama().WithRows();
        labels.Config = labels.Config with { Steps = 3, Teacher = new TeacherConfig { Folder = labels.Base, LabelShare = 1 } };
        labels.Train();
        Assert.Equal(plain.Losses(), labels.Losses());
    }

    [Fact]
    public async Task The_command_runs_a_configuration_and_needs_a_teacher()
    {
        using var run = SmallRun.Llama().WithRows();
        run.Config = run.Config with { Steps = 2 };
        File.WriteAllText(run["alone.json"], SftConfigReader.ToJson(run.Config));
        (await CommandLineRun.OfLabAsync("distill", "--config", run["alone.json"])).IsRefused("\"teacher\" is missing");

        run.Config = run.Config with { Base = Prune(run), Teacher = new TeacherConfig { Folder = run.Base } };
        File.WriteAllText(run["distill.json"], SftConfigReader.ToJson(run.Config));
        var done = await CommandLineRun.OfLabAsync("distill", "--config", run["distill.json"], "--set", "teacher.temperature=4");
        Assert.Equal(0, done.Code);
        Assert.Contains("answer tokens are compared", done.Error, StringComparison.Ordinal);
        Assert.Empty(ModelSummary.Read(run["run/last"]).Problems);
    }

    [Fact]
    public void A_teacher_with_other_tokens_is_refused()
    {
        using var run = SmallRun.Llama().WithRows();
        using var other = SmallRun.Llama4();
        run.Config = run.Config with { Steps = 1, Teacher = new TeacherConfig { Folder = other.Base } };
        Assert.Contains("has other tokens", Assert.Throws<TrainingException>(() => run.Train()).Message, StringComparison.Ordinal);
    }

    /// <summary>The base with two of three layers, fewer neurons and its answers alone.</summary>
    internal static string Prune(SmallRun run)
    {
        var target = run["student"];
        var rows = PruningImportance.EncodeAsync(run.Base, [Conversation.OfUser("how do I cook bread")], new GuardOptions { Threads = 1 }).GetAwaiter().GetResult();
        using var importance = new PruningImportance(run.Base, 1);
        var (plan, scores) = importance.Run(rows.Ids, 2, 90, (_, _) => { }, Cancellation);
        var manifest = new GuardManifest { Name = "student", Version = "1", Codes = rows.Capabilities.Codes, NarrowedPolicies = true, PromptVariant = rows.Capabilities.PromptVariant.ToString() };
        new DensePruning(run.Base).Run(plan with { OutputTokens = rows.AnswerTokens }, scores, manifest, target, (_, _) => { }, Cancellation);
        return target;
    }

    /// <summary>Mean KL(teacher || student) of the rows' answer positions, at temperature 1.</summary>
    private static double Divergence(SmallRun run, string student)
    {
        var config = run.Config with { Base = student };
        using var model = BaseModel.Open(student, null);
        var encoder = new RowEncoder(model, config);
        var source = RowSource.Load(config.Data.Train[0], encoder, new BadRows(true, _ => { }));
        using var network = new SftNetwork(model, torch.CPU, []);
        using var teacher = Teacher.Open(config.Teacher!.Folder, model, torch.CPU, 1);
        var loss = new DistillationLoss(config.Teacher with { Temperature = 1 }, teacher, model, encoder.Policy);
        var pack = new SftPack([.. Enumerable.Range(0, source.Count).Select(row => encoder.Encode(source.Read(row)))]);
        using var scope = torch.NewDisposeScope();
        using var frozen = torch.no_grad();
        return loss.Divergence(new PackPass(network, model, recompute: false).Judge(pack), pack).item<float>() / pack.Answers;
    }
}
