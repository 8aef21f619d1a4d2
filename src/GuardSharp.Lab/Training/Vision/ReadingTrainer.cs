using System.Diagnostics;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Torch;
using TorchSharp;
using TorchSharp.Modules;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>The first stage: the encoder learns to read typeset text; the decoder is not touched.</summary>
internal sealed class ReadingTrainer : IDisposable
{
    private const int StepsPerReport = 50;
    private const double WarmUpSteps = 100;
    // The share of the run, at its end, in which the learning rate falls to zero.
    private const double Decay = 0.35;

    private readonly ReadingConfig _config;
    private readonly TextNetwork _network;
    private readonly ReadingModel _model;
    private readonly VisionOptimiser _optimiser;
    private readonly SafePoint _safePoint = new();

    /// <param name="config">How.</param>
    /// <param name="network">The network whose encoder learns.</param>
    /// <param name="model">What it learns by.</param>
    public ReadingTrainer(ReadingConfig config, TextNetwork network, ReadingModel model)
    {
        (_config, _network, _model) = (config, network, model);
        var own = model.Own.Select(entry => (entry.Name, (torch.Tensor)entry.Parameter, config.LearningRate));
        _optimiser = new VisionOptimiser(EncoderOf(network.Weights), own, config.LearningRate, network.Ops.BFloat16Products);
    }

    /// <summary>The parameters of the vision encoder, adapter and projector.</summary>
    public static List<(string Name, Parameter Parameter)> EncoderOf(TorchWeights weights) =>
        [.. weights.Trainable.Where(entry => !entry.Name.StartsWith("language_model.", StringComparison.Ordinal))];

    /// <summary>Trains from a number of tiles seen to the end of the schedule.</summary>
    /// <param name="sample">The next picture.</param>
    /// <param name="tilesSeen">Tiles seen by earlier runs.</param>
    /// <param name="report">Progress lines, and the tiles seen so far: the moment to save.</param>
    /// <param name="cancellation">Stops after the step in progress.</param>
    public void Run(Func<Random, ReadingSample> sample, long tilesSeen, Action<string, long> report, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)tilesSeen) + 1);
        var (clock, first, steps, sum) = (Stopwatch.StartNew(), tilesSeen, 0, default(ReadingScore));
        while (tilesSeen < _config.Tiles && !cancellation.IsCancellationRequested)
        {
            var batch = new List<ReadingSample>();
            var tiles = 0;
            for (; tiles < _config.BatchTiles; tiles += batch[^1].Tiles.Tiles)
                batch.Add(sample(random));
            tilesSeen += tiles;
            var left = 1 - ((double)tilesSeen / _config.Tiles);
            sum += Step(batch, Math.Min(1, ++steps / WarmUpSteps) * Math.Clamp(left / Decay, 0.01, 1), random);
            _safePoint.Pass();
            if (steps % StepsPerReport == 0 || tilesSeen >= _config.Tiles)
            {
                report($"tile {tilesSeen} of {_config.Tiles}: {sum / (((steps - 1) % StepsPerReport) + 1)}, {(tilesSeen - first) / clock.Elapsed.TotalSeconds:F0} tiles/s", tilesSeen);
                sum = default;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _optimiser.Dispose();

    private ReadingScore Step(List<ReadingSample> batch, double factor, Random random)
    {
        using var scope = _network.Ops.Scope();
        var (loss, score) = _model.Loss(_model.Encode(batch), batch, random);
        loss.backward();
        _optimiser.Step(factor);
        return score;
    }
}
