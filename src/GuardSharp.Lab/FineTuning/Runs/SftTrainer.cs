using System.Diagnostics;
using GuardSharp.Lab.FineTuning.Adversarial;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>What a run works with.</summary>
/// <param name="Config">What to do.</param>
/// <param name="Folder">Where everything goes.</param>
/// <param name="Network">What learns.</param>
/// <param name="Pass">Runs it.</param>
/// <param name="Stream">The rows.</param>
/// <param name="Dev">Judges; null: there are no development rows.</param>
/// <param name="Bad">Rows that could not be used.</param>
/// <param name="Adversary">Changes pictures before they are learned; null: they stay as they are.</param>
/// <param name="WriteModel">Writes the model into an empty folder.</param>
internal sealed record SftRun(
    SftConfig Config, RunFolder Folder, SftNetwork Network, PackPass Pass, RowStream Stream, DevJudge? Dev, BadRows Bad, AdversarialTiles? Adversary, Action<string> WriteModel);

/// <summary>The loop: sequences, loss, step, numbers, evaluation, checkpoint. Goes on where an earlier part of the run stopped.</summary>
internal sealed class SftTrainer : IDisposable
{
    private readonly SftRun _run;
    private readonly SftConfig _config;
    private readonly ITrainingProgress _progress;
    private readonly AdamW _optimiser;
    private readonly PackPlanner _planner;
    private readonly SafePoint _safePoint = new();
    private RunState _state;
    private bool _stopped;

    /// <param name="run">What the run works with.</param>
    /// <param name="identity">What must not change between two parts of the run.</param>
    /// <param name="progress">Told about every step.</param>
    public SftTrainer(SftRun run, string identity, ITrainingProgress progress)
    {
        (_run, _config, _progress) = (run, run.Config, progress);
        _optimiser = new AdamW(run.Network.Trainable, run.Config.Optimiser);
        _planner = new PackPlanner(run.Stream, run.Config.SequenceTokens, run.Config.SequenceImages);
        _state = new RunState { Identity = identity };
    }

    /// <summary>Where the run stands.</summary>
    public RunState State => _state;

    /// <summary>Trains to the last step, to the end of patience, or until it is cancelled; the last state is saved in any case.</summary>
    /// <param name="resume">Whether to go on from the newest checkpoint.</param>
    /// <param name="cancellation">Stops after the step in progress.</param>
    /// <exception cref="TrainingException">The loss is no number any more, or a checkpoint does not fit.</exception>
    public void Run(bool resume, CancellationToken cancellation)
    {
        Begin(resume);
        if (_run.Dev is not null && _state.Step == 0)
        {
            // What the base is worth: a number to compare with, not a choice.
            Judge(_run.Dev);
        }

        while (_state.Step < _config.Steps && !_stopped && !cancellation.IsCancellationRequested)
        {
            Step();
            _safePoint.Pass();
            var isLast = _state.Step == _config.Steps;
            if (_run.Dev is not null && (isLast || IsTime(_config.Evaluation.Every)))
            {
                Evaluate(_run.Dev);
            }

            if (isLast || _stopped || cancellation.IsCancellationRequested || IsTime(_config.CheckpointEvery))
            {
                Save();
            }
        }

        _progress.Note($"last model: {_run.Folder.Replace("last", _run.WriteModel)}");
    }

    /// <inheritdoc/>
    public void Dispose() => _optimiser.Dispose();

    private IReadOnlyList<(string Name, torch.Tensor Value)> Weights => [.. _run.Network.Trainable.Select(entry => (entry.Name, (torch.Tensor)entry.Parameter))];

    private void Begin(bool resume)
    {
        if (!resume)
        {
            return;
        }

        if (_run.Folder.Load(_state.Identity, Weights, _optimiser.State) is { } state)
        {
            _state = state;
            _optimiser.Steps = state.Step;
            _run.Stream.Seek(state.Position);
        }

        _run.Folder.CutMetrics(_state.Step);
        _progress.Note($"going on behind step {_state.Step}");
    }

    private bool IsTime(int every) => every > 0 && _state.Step % every == 0;

    private void Step()
    {
        var started = Stopwatch.GetTimestamp();
        var packs = _planner.Next(_config.Accumulation);
        var answers = packs.Sum(pack => pack.Answers);
        var loss = packs.Select((pack, index) => _run.Pass.Backward(Attacked(pack, index), answers, Seeds.Mix(_config.Seed, "dropout", _state.Step, index))).Sum();
        var rate = LearningRate.At(_config.Optimiser, _state.Step, _config.Steps);
        var norm = double.IsFinite(loss) ? _optimiser.Step(rate) : double.NaN;
        if (!double.IsFinite(norm))
        {
            throw new TrainingException(
                $"The loss of step {_state.Step + 1} is {loss} and the norm of its gradients {norm}: the run has come apart. Lower optimiser.learningRate or lengthen the warm-up, and go on from the last checkpoint.");
        }

        var tokens = packs.Sum(pack => pack.Tokens);
        _state = _state with
        {
            Step = _state.Step + 1,
            Position = _run.Stream.Position,
            Rows = _state.Rows + packs.Sum(pack => pack.Examples.Count),
            Tokens = _state.Tokens + tokens,
        };
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        _run.Folder.Log(new { step = _state.Step, loss, lr = rate, norm, rows = packs.Sum(pack => pack.Examples.Count), tokens, seconds = Math.Round(seconds, 4) });
        _progress.Step(new StepReport(_state.Step, _config.Steps, loss, rate, tokens, seconds));
    }

    private SftPack Attacked(SftPack pack, int index) => _run.Adversary?.Attack(pack, Seeds.Mix(_config.Seed, "adversary", _state.Step, index)) ?? pack;

    private DevReport Judge(DevJudge dev)
    {
        var report = dev.Run(_run.Bad);
        var metrics = report.Metrics;
        _run.Folder.Log(new
        {
            step = _state.Step,
            eval = new { rows = report.Rows, loss = report.Loss, auroc = metrics.Auroc, auprc = metrics.Auprc, f1 = metrics.F1, precision = metrics.Precision, recall = metrics.Recall, fpr = metrics.FalsePositiveRate },
        });
        _progress.Note(FormattableString.Invariant(
            $"step {_state.Step}: dev loss {report.Loss:F4}, AUROC {Show(metrics.Auroc)}, F1 {Show(metrics.F1)} on {report.Rows} rows"));
        return report;
    }

    private void Evaluate(DevJudge dev)
    {
        var report = Judge(dev);
        if (report.Value(_config.Evaluation.Measure) is { } value && !(value <= _state.Best))
        {
            _state = _state with { Best = value, Waited = 0 };
            _run.Folder.Replace("best", _run.WriteModel);
            return;
        }

        _state = _state with { Waited = _state.Waited + 1 };
        if (_config.Evaluation.Patience > 0 && _state.Waited >= _config.Evaluation.Patience)
        {
            _stopped = true;
            _progress.Note($"step {_state.Step}: no better value in {_state.Waited} evaluations, so the run ends here");
        }
    }

    private void Save() => _run.Folder.Save(_state, Weights, _optimiser.State);

    private static string Show(double? value) => value is { } number ? number.ToString("F3", System.Globalization.CultureInfo.InvariantCulture) : "not defined";
}
