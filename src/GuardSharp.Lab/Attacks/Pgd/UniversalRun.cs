using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Imaging;
using GuardSharp.Lab.Attacks.Pixels;
using GuardSharp.Lab.FineTuning;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>One perturbation for all pictures (arXiv:1610.08401): found on some rows, reported on the others.</summary>
/// <remarks>
/// Each step goes against the sign of the gradient of the mean of -log P(safe) over a few rows, so rows that are safe already hardly count. The canvas is the
/// pictures' own size where all have one, else a square of two tiles that is resized to each picture.
/// </remarks>
/// <param name="room">What the attack works with.</param>
/// <param name="options">Steps, their size, seed.</param>
/// <param name="epsilons">From the smallest to the largest.</param>
/// <param name="heldOut">Share of the rows that the perturbation is not found on.</param>
internal sealed class UniversalRun(PgdRoom room, PgdOptions options, IReadOnlyList<Epsilon> epsilons, double heldOut)
{
    private const int RowsOfAStep = 8;

    private long _done;
    private long _all;

    /// <summary>Finds a perturbation for each epsilon and judges all rows with it.</summary>
    /// <exception cref="GuardException">There are fewer than two rows.</exception>
    public void Run(IReadOnlyList<Sample> rows, IProgress<RowProgress> progress, CancellationToken cancellation)
    {
        if (rows.Count < 2)
        {
            throw new GuardException("A universal perturbation is found on some rows and reported on others, but there is one row only. Give more rows, or leave --universal out.");
        }

        Sample[] shuffled = [.. rows];
        new Random(Seeds.Mix(options.Seed, "held-out rows")).Shuffle(shuffled);
        var split = Math.Clamp((int)Math.Round(rows.Count * (1 - heldOut)), 1, rows.Count - 1);
        var (training, reported) = (shuffled[..split], shuffled[split..]);
        _all = epsilons.Count * ((long)rows.Count + (options.Steps * (long)RowsOfAStep));
        var known = Canvas(rows);
        foreach (var epsilon in epsilons)
        {
            var found = Find(training, epsilon, known, progress, cancellation);
            known = options.FromSmaller ? found : known;
            foreach (var (sample, setting) in reported.Select(row => (row, SettingOf(epsilon))).Concat(training.Select(row => (row, $"{SettingOf(epsilon)}, rows it was found on"))))
            {
                if (room.Folder.Find(setting, sample.Id) is null)
                {
                    Judge(sample, setting, epsilon, found, cancellation);
                }

                Advance(progress);
            }
        }
    }

    private static string SettingOf(Epsilon epsilon) => $"universal {epsilon.Name}";

    private Perturbation Canvas(IReadOnlyList<Sample> rows)
    {
        var sizes = rows.SelectMany(row => room.Prepare(row).Clean).Select(picture => (picture.Width, picture.Height)).Distinct().Take(2).ToList();
        var side = 2 * room.Network.TileSize;
        return sizes is [var (width, height)] ? Perturbation.Zero(width, height) : Perturbation.Zero(side, side);
    }

    private Perturbation Find(Sample[] training, Epsilon epsilon, Perturbation known, IProgress<RowProgress> progress, CancellationToken cancellation)
    {
        var file = $"universal-{epsilon.FilePart}.f32";
        if (room.Folder.PathOf($"pictures/{file}") is var path && File.Exists(path))
        {
            _done += options.Steps * (long)RowsOfAStep;
            return Perturbation.FromFile(path, known.Width, known.Height);
        }

        var found = known with { Values = [.. known.Values] };
        var random = new Random(Seeds.Mix(options.Seed, "universal", epsilon.Levels));
        for (var step = 0; step < options.Steps && epsilon.Levels > 0; step++)
        {
            var sum = new float[found.Values.Length];
            for (var i = 0; i < RowsOfAStep; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                AddGradient(room.Prepare(training[random.Next(training.Length)]), found, sum);
                Advance(progress);
            }

            found.Step(sum, options.StepFor(epsilon), epsilon.Levels);
        }

        room.Folder.WritePicture($"universal-{epsilon.FilePart}.png", ImageEncoder.Png(found.Show()));
        room.Folder.WritePicture(file, found.ToBytes());
        return found;
    }

    private void AddGradient(PgdTarget target, Perturbation found, float[] sum)
    {
        var tiles = target.Maps.Zip(target.Clean, (map, clean) => map.Forward(found.AddTo(clean))).ToList();
        var (margin, gradients) = room.Network.Judge(target.Question, tiles, gradients: true);
        // d -log P(safe) = P(unsafe) / temperature * d margin; the temperature is the same for all.
        var weight = (float)target.Question.Probability(margin);
        for (var i = 0; i < gradients.Count; i++)
        {
            var clean = target.Clean[i];
            found.AddGradient(target.Maps[i].Backward(gradients[i], clean.Width, clean.Height), clean, weight, sum);
        }
    }

    private void Judge(Sample sample, string setting, Epsilon epsilon, Perturbation found, CancellationToken cancellation)
    {
        var target = room.Prepare(sample);
        var before = room.Ask(sample.Conversation, cancellation);
        var files = new PgdFiles(room, target, $"universal-{epsilon.FilePart}");
        var solution = files.Ask([.. target.Clean.Select(clean => PixelPlanes.Of(found.AddTo(clean).Round()))], cancellation);
        room.Folder.Add(new AttackResult
        {
            Id = sample.Id,
            Setting = setting,
            Task = sample.Task == SampleTask.Prompt ? "prompt" : "response",
            Before = before.UnsafeProbability,
            SafeBefore = !before.Unsafe,
            After = solution.Probability,
            SafeAfter = solution.Safe,
            Queries = 2,
            OriginalPicture = files.WriteOriginal(),
            AttackedPicture = files.AttackedName,
            DifferencePicture = files.WriteDifference(solution),
        });
    }

    private void Advance(IProgress<RowProgress> progress) => progress.Report(new RowProgress(++_done, _all));
}
