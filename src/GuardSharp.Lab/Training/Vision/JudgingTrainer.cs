using System.Diagnostics;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training.Text;
using TorchSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>What the second stage works on.</summary>
/// <param name="Config">How.</param>
/// <param name="Network">The network.</param>
/// <param name="Reading">Encodes pictures and keeps the reading loss.</param>
/// <param name="Pictures">Forward passes and the verdicts' loss.</param>
/// <param name="Teacher">The text model as it stood, for texts.</param>
/// <param name="Rows">Rows to conversations with pictures.</param>
/// <param name="Mixture">Which rows an epoch takes.</param>
/// <param name="Examples">The rows' text examples.</param>
internal sealed record JudgingRun(
    JudgingConfig Config, TextNetwork Network, ReadingModel Reading, PictureNetwork Pictures, PictureNetwork Teacher, PictureRows Rows, Mixture Mixture, TrainingExample?[] Examples);

/// <summary>The second stage: verdicts on pictures of training texts, beside text rows whose verdicts must stay what they were.</summary>
/// <remarks>
/// The text model as it stood is the teacher: of text rows its probability is the target, so that text quality does not fall; of a picture
/// it is mixed with the label, because what the decoder thinks of the text itself is what it can think of the picture of it.
/// </remarks>
internal sealed class JudgingTrainer : IDisposable
{
    private const int StepsPerReport = 25;
    private const double WarmUpSteps = 40;

    private readonly JudgingRun _run;
    private readonly VisionOptimiser _optimiser;
    private readonly SafePoint _safePoint = new();
    private readonly Dictionary<int, float> _opinions = [];
    private readonly int[] _all;
    private readonly int[] _safe;
    private readonly int[] _unsafe;

    /// <summary>Draws the rows of an epoch.</summary>
    /// <param name="run">What to work on.</param>
    /// <param name="seed">Which epoch of the mixture.</param>
    public JudgingTrainer(JudgingRun run, int seed)
    {
        _run = run;
        _all = [.. run.Mixture.DrawEpoch(new Random(seed)).Where(row => run.Examples[row] is not null).Distinct()];
        var drawn = _all.ToHashSet();
        (_safe, _unsafe) = (run.Rows.Typeset(false, drawn), run.Rows.Typeset(true, drawn));
        var encoder = ReadingTrainer.EncoderOf(run.Network.Weights);
        var decoder = run.Network.Weights.Trainable.Where(e => e.Name.StartsWith("language_model.", StringComparison.Ordinal) && !TextNetwork.IsEmbedding(e.Name));
        _optimiser = new VisionOptimiser(
            encoder,
            [
                .. decoder.Select(e => (e.Name, (torch.Tensor)e.Parameter, run.Config.DecoderLearningRate)),
                .. run.Reading.Own.Select(e => (e.Name, (torch.Tensor)e.Parameter, run.Config.LearningRate)),
            ],
            run.Config.LearningRate,
            run.Network.Ops.BFloat16Products);
    }

    /// <summary>Rows that become pictures: safe and unsafe.</summary>
    public (int Safe, int Unsafe) TypesetRows => (_safe.Length, _unsafe.Length);

    /// <summary>Trains from a number of pictures seen to the end of the schedule.</summary>
    /// <param name="picturesSeen">Pictures seen by earlier runs.</param>
    /// <param name="report">Progress lines, and the pictures seen so far: the moment to save.</param>
    /// <param name="cancellation">Stops after the step in progress.</param>
    public void Run(long picturesSeen, Action<string, long> report, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)picturesSeen) + 7);
        var (clock, first, steps, sum, verdicts) = (Stopwatch.StartNew(), picturesSeen, 0, default(ReadingScore), 0f);
        while (picturesSeen < _run.Config.Pictures && !cancellation.IsCancellationRequested)
        {
            picturesSeen += _run.Config.BatchPictures;
            var left = 1 - ((double)picturesSeen / _run.Config.Pictures);
            var (verdict, score) = Step(Batch(random), Math.Min(1, ++steps / WarmUpSteps) * Math.Max(0.03, left), random);
            _safePoint.Pass();
            (sum, verdicts) = (sum + score, verdicts + verdict);
            if (steps % StepsPerReport != 0 && picturesSeen < _run.Config.Pictures)
                continue;
            var count = ((steps - 1) % StepsPerReport) + 1;
            report($"picture {picturesSeen} of {_run.Config.Pictures}: verdict {verdicts / count:F3}, {sum / count}, {(picturesSeen - first) / clock.Elapsed.TotalSeconds:F0} pictures/s", picturesSeen);
            (sum, verdicts) = (default, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _optimiser.Dispose();

    private List<PictureExample> Batch(Random random)
    {
        var plans = new List<(int Row, PictureKind Kind)>();
        for (var i = 0; i < _run.Config.BatchPictures; i++)
        {
            var isDrawing = random.NextDouble() < _run.Config.Drawings;
            var kind = !isDrawing ? PictureKind.Typeset : random.Next(2) == 0 ? PictureKind.Drawing : PictureKind.DrawingBesideText;
            // A drawing alone takes its answer from a safe row.
            plans.Add((Draw(kind == PictureKind.Drawing || i % 2 == 0 ? _safe : _unsafe, random), kind));
        }

        for (var i = 0; i < _run.Config.BatchTexts; i++)
            plans.Add((Draw(_all, random), PictureKind.None));
        AskTeacher(plans.Select(plan => plan.Row));
        return [.. plans.Select(plan => Make(plan.Row, plan.Kind, random))];
    }

    private PictureExample Make(int row, PictureKind kind, Random random)
    {
        var opinion = _opinions[row];
        var label = _run.Examples[row]!.Unsafe ? 1 : 0;
        return kind switch
        {
            PictureKind.Typeset => _run.Rows.OfRow(row, (float)((_run.Config.Teacher * opinion) + ((1 - _run.Config.Teacher) * label)), random),
            PictureKind.Drawing => _run.Rows.OfDrawing(row, false, 0, random),
            PictureKind.DrawingBesideText => _run.Rows.OfDrawing(row, true, opinion, random),
            _ => new PictureExample(null, _run.Examples[row]!, opinion),
        };
    }

    /// <summary>Finds out what the text model thinks of rows that it was not asked about yet.</summary>
    private void AskTeacher(IEnumerable<int> rows)
    {
        var texts = rows.Where(row => !_opinions.ContainsKey(row)).Distinct().Select(row => new PictureExample(null, _run.Examples[row]!, 0)).ToList();
        foreach (var (example, opinion) in texts.Zip(_run.Teacher.Judge(texts, texts.Count)))
            _opinions[example.Example.Row] = opinion;
    }

    private (float Verdict, ReadingScore Score) Step(List<PictureExample> batch, double factor, Random random)
    {
        using var scope = _run.Network.Ops.Scope();
        var (normed, encoded) = _run.Pictures.Forward(batch);
        var verdict = _run.Pictures.Loss(normed, batch);
        var (reading, score) = _run.Reading.Loss(encoded!.Value, [.. batch.Select(b => b.Picture).OfType<ReadingSample>()], random);
        (verdict + (reading * _run.Config.Reading)).backward();
        _optimiser.Step(factor);
        return (verdict.item<float>(), score);
    }

    private static int Draw(int[] rows, Random random) => rows[random.Next(rows.Length)];

    private enum PictureKind
    {
        None,
        Typeset,
        Drawing,
        DrawingBesideText,
    }
}
