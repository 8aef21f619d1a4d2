using GuardSharp.Lab.Distillation;
using GuardSharp.Lab.FineTuning.Adversarial;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.FineTuning.Runs;
using GuardSharp.Lab.Training;
using GuardSharp.Policies;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning;

/// <summary>One run of the recipe, from the base folder to the finished one.</summary>
/// <param name="config">What to do.</param>
/// <param name="progress">Shows it.</param>
internal sealed class SftSession(SftConfig config, ITrainingProgress progress)
{
    /// <summary>Trains to the end, or until it is cancelled; then the state is saved.</summary>
    /// <param name="resume">Whether to go on from the output folder's newest checkpoint.</param>
    /// <param name="cancellation">Stops after the step in progress.</param>
    /// <returns>Where the run stands.</returns>
    /// <exception cref="GuardException">The base, the rows or the folder cannot be used.</exception>
    public RunState Run(bool resume, CancellationToken cancellation)
    {
        if (config.Threads is { } threads)
        {
            torch.set_num_threads(threads);
        }

        var device = TorchDevice.Open(config.Device);
        using var model = BaseModel.Open(config.Base, config.Data.PromptVariant);
        if (config.Lora is null)
        {
            ModelWriter.Check(model);
        }

        var folder = new RunFolder(config.Output);
        if (!resume)
        {
            folder.Begin();
        }

        var bad = new BadRows(config.Data.Strict, progress.Note, folder["bad-rows.jsonl"]);
        var encoder = new RowEncoder(model, config);
        var train = config.Data.Train.Select(source => RowSource.Load(source, encoder, bad)).ToList();
        var dev = config.Data.Dev.Select(source => RowSource.Load(source, encoder, bad)).ToList();
        progress.Note($"rows: {train.Sum(source => source.Count)} to learn from, {dev.Sum(source => source.Count)} to choose by, {bad.Count} that cannot be used");
        bad.Check();

        var adapter = AdapterOutput.Of(config);
        using var network = new SftNetwork(model, device, config.Freeze, adapter, config.Seed);
        network.Ops.BFloat16Products = config.BFloat16Products ?? FastBFloat16.On(device);
        progress.Note($"{network.Trainable.Sum(entry => entry.Parameter.numel()):N0} numbers learn of {network.Weights.Parameters.Values.Sum(parameter => parameter.numel()):N0}, products in {(network.Ops.BFloat16Products ? "bfloat16" : "float32")}");
        using var teacher = config.Teacher is { } named ? Teacher.Open(named.Folder, model, device, config.Threads) : null;
        var pass = new PackPass(network, model, config.Recompute, teacher is null ? null : Distillation(teacher, model, encoder.Policy).Of);
        var judge = dev.Count == 0 ? null : new DevJudge(DevJudge.Choose(dev, config.Evaluation.Rows, config.Seed), encoder, pass, config);
        var stream = new RowStream(train, encoder, config.Data.Augmentation, config.Seed, bad);
        var adversary = config.Adversarial is { } adversarial ? Adversary(adversarial, network, model) : null;
        var run = new SftRun(config, folder, network, pass, stream, judge, bad, adversary, target =>
        {
            if (adapter is null)
            {
                new ModelWriter(model, network).Write(target);
            }
            else
            {
                AdapterOutput.Write(target, adapter, model, network);
            }
        });
        using var trainer = new SftTrainer(run, RunIdentity.Of(config, model.Checkpoint), progress);
        trainer.Run(resume, cancellation);
        LossPlot.Write(folder.Metrics, folder["loss.svg"]);
        return trainer.State;
    }

    private static AdversarialTiles Adversary(AdversarialConfig adversarial, SftNetwork network, BaseModel model) => model.Images is null
        ? throw new TrainingException($"{model.Folder} judges text alone, so there are no pictures to change. Leave \"adversarial\" out.")
        : new AdversarialTiles(network, model, adversarial);

    private DistillationLoss Distillation(Teacher teacher, BaseModel student, Policy policy)
    {
        var loss = new DistillationLoss(config.Teacher!, teacher, student, policy);
        var variant = teacher.OwnVariant == student.Variant ? "" : $"; it knows the prompt {teacher.OwnVariant} and reads the student's, {student.Variant}";
        progress.Note($"teacher {config.Teacher!.Folder}: {loss.Tokens.Length} answer tokens are compared{variant}");
        return loss;
    }
}
