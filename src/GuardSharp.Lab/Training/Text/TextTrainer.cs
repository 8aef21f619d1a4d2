using System.Diagnostics;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training.Pretrained;
using static TorchSharp.torch;

namespace GuardSharp.Lab.Training.Text;

/// <summary>What a text run works on.</summary>
/// <param name="Config">The configuration.</param>
/// <param name="Folder">Where state and numbers go.</param>
/// <param name="Network">The network to train.</param>
/// <param name="Encoder">Rows to ids.</param>
/// <param name="Mixture">Which rows an epoch takes.</param>
/// <param name="Examples">The training rows' examples, null for those that cannot be expressed.</param>
internal sealed record TextRun(
    TrainingConfig Config, TrainingFolder Folder, TextNetwork Network, ExampleEncoder Encoder, Mixture Mixture, TrainingExample?[] Examples);

/// <summary>The loop: batches, loss, step, evaluation, state. Goes on where an earlier run stopped.</summary>
internal sealed class TextTrainer : IDisposable
{
    /// <summary>So many losses are logged one by one: a second run of the same seed must repeat them.</summary>
    private const int LoggedSteps = 50;

    private readonly TextRun _run;
    private readonly TextLoss _loss;
    private readonly LazyAdamW _optimiser;
    private readonly WeightAverage? _average;
    private readonly DevEvaluation _dev;
    private readonly Action<string> _report;
    private readonly SafePoint _safePoint = new();
    private TrainingState _state = new(0, 0, 0, 0, 0);
    private LossParts _recent;
    private int _recentSteps;

    /// <summary>Prepares the loss and the optimiser.</summary>
    public TextTrainer(TextRun run, TeacherKnowledge? teacher, DevEvaluation dev, Action<string> report)
    {
        _run = run;
        _dev = dev;
        _report = report;
        var shape = run.Network.Network.Shape;
        _loss = new TextLoss(run.Config.Losses, run.Encoder, teacher, (shape.HiddenSize, shape.VocabularySize), run.Config.Seed);
        _optimiser = new LazyAdamW(Parameters());
        if (run.Config.Optimiser.AverageDecay > 0)
            _average = new WeightAverage(Parameters().Select(entry => (entry.Name, entry.Parameter)), run.Config.Optimiser.AverageDecay);
    }

    /// <summary>
    /// Trains to the end of the schedule, calling back with the report whenever the development rows say that it is the best so far. The averaged
    /// weights are judged, where the configuration asks for them.
    /// </summary>
    /// <param name="resume">Whether to go on from the folder's state.</param>
    /// <param name="improved">Called with the report while the network holds the best weights.</param>
    /// <param name="cancellation">Stops after the step in progress; the state is saved.</param>
    /// <param name="maxSteps">Stops without evaluation or state after so many steps of the whole schedule; null: at its end.</param>
    public void Run(bool resume, Action<DevReport> improved, CancellationToken cancellation, int? maxSteps = null)
    {
        if (resume && _run.Folder.Load(StateTensors()) is { } state)
        {
            _state = state;
            _optimiser.StepsDone = state.Steps;
            _report($"going on at row {state.RowsSeen}");
        }

        var clock = Stopwatch.StartNew();
        var (startRows, nextEvaluation) = (_state.RowsSeen, _state.RowsSeen + _run.Config.EvaluateEveryRows);
        while (_state.RowsSeen < _run.Config.Optimiser.Rows)
        {
            foreach (var batch in Epoch().Skip(_state.Batch))
            {
                Step(batch);
                _safePoint.Pass();
                _state = _state with { Batch = _state.Batch + 1, RowsSeen = _state.RowsSeen + batch.Length, Steps = _optimiser.StepsDone };
                if (_state.Steps >= maxSteps)
                    return;
                var done = _state.RowsSeen >= _run.Config.Optimiser.Rows || cancellation.IsCancellationRequested;
                if (_recentSteps == 50 || done)
                    Progress(clock, startRows);
                if (_state.RowsSeen >= nextEvaluation || done)
                {
                    Evaluate(improved);
                    nextEvaluation += _run.Config.EvaluateEveryRows;
                }

                if (done)
                    return;
            }

            _state = _state with { Epoch = _state.Epoch + 1, Batch = 0 };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _loss.Dispose();
        _optimiser.Dispose();
        _average?.Dispose();
    }

    /// <summary>The sources of randomness of the epochs that the schedule needs, first to last.</summary>
    public static IEnumerable<Random> EpochsOf(TrainingConfig config, Mixture mixture) =>
        Enumerable.Range(0, (config.Optimiser.Rows / mixture.EpochRows) + 1).Select(epoch => RandomOf(config, epoch));

    private static Random RandomOf(TrainingConfig config, int epoch) => new(config.Seed + (1000 * epoch));

    private List<TrainingExample[]> Epoch()
    {
        var random = RandomOf(_run.Config, _state.Epoch);
        var rows = _run.Mixture.DrawEpoch(random).Select(row => _run.Examples[row]).OfType<TrainingExample>()
            .Select(example => example.WithDropout(_run.Config.Data.TokenDropout, random)).ToList();
        return BatchPlanner.Plan(rows, _run.Config.Data.BatchTokens, random);
    }

    private void Step(TrainingExample[] batch)
    {
        using var scope = _run.Network.Ops.Scope();
        var candidates = _loss.DrawCandidates();
        var hidden = _run.Network.Forward(batch, promptsOnly: false);
        var (loss, parts) = _loss.Of(_run.Network, batch, hidden, candidates);
        loss.backward();
        var touched = batch.SelectMany(example => example.Ids).Concat(candidates).Distinct().Select(id => (long)id).ToArray();
        _optimiser.Step(Schedule(), _run.Config.Optimiser.GradientNorm, tensor(touched));
        _average?.Update(_optimiser.StepsDone);
        if (_optimiser.StepsDone <= LoggedSteps)
            _run.Folder.Log(new { step = _optimiser.StepsDone, loss = parts.Total });
        _recent += parts;
        _recentSteps++;
    }

    private double Schedule()
    {
        var share = (double)_state.RowsSeen / _run.Config.Optimiser.Rows;
        var rise = Math.Min(1, (share + 1e-4) / _run.Config.Optimiser.WarmUp);
        return rise * (0.1 + (0.45 * (1 + Math.Cos(Math.PI * Math.Min(1, share)))));
    }

    private void Progress(Stopwatch clock, long startRows)
    {
        var mean = _recent / Math.Max(1, _recentSteps);
        var rate = (_state.RowsSeen - startRows) / clock.Elapsed.TotalSeconds;
        var left = TimeSpan.FromSeconds((_run.Config.Optimiser.Rows - _state.RowsSeen) / rate);
        _report($"row {_state.RowsSeen} of {_run.Config.Optimiser.Rows}: loss {mean.Total:F3} (verdict {mean.Verdict:F3}, categories {mean.Categories:F3}, "
            + $"pooled {mean.Pooled:F3}, vector {mean.Vector:F3}), {rate:F0} rows/s, {left:hh\\:mm\\:ss} left");
        _run.Folder.Log(new { rows = _state.RowsSeen, loss = mean.Total, verdict = mean.Verdict, categories = mean.Categories, pooled = mean.Pooled, vector = mean.Vector });
        (_recent, _recentSteps) = (default, 0);
    }

    private void Evaluate(Action<DevReport> improved)
    {
        _average?.Exchange();
        var report = _dev.Run(_run.Network, _run.Encoder);
        _report($"row {_state.RowsSeen}: {report}");
        _run.Folder.Log(new { rows = _state.RowsSeen, dev = report });
        if (report.Choice > _state.BestChoice)
        {
            _state = _state with { BestChoice = report.Choice };
            improved(report);
        }

        _average?.Exchange();
        _run.Folder.Save(_state, StateTensors());
    }

    private List<(string Name, Tensor Value)> StateTensors() =>
    [
        .. _run.Network.Weights.Parameters.Select(entry => (entry.Key, (Tensor)entry.Value)),
        .. _optimiser.State(), .. _average?.State() ?? [],
        ("loss.pooled", _loss.PooledHead), ("loss.vector", _loss.VectorHead),
    ];

    private IEnumerable<(string Name, Tensor Parameter, double LearningRate, double Decay, bool Table)> Parameters()
    {
        var config = _run.Config.Optimiser;
        foreach (var (name, parameter) in _run.Network.Weights.Parameters.Where(entry => entry.Key.StartsWith("language_model.", StringComparison.Ordinal)))
        {
            var table = TextNetwork.IsEmbedding(name);
            yield return (name, parameter, table ? config.EmbeddingLearningRate : config.LearningRate, table || parameter.dim() < 2 ? 0 : config.WeightDecay, table);
        }

        yield return ("loss.pooled", _loss.PooledHead, config.LearningRate, 0, false);
        yield return ("loss.vector", _loss.VectorHead, config.LearningRate, 0, false);
    }
}
