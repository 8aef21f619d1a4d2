using GuardSharp.Lab.Attacks.Pixels;
using GuardSharp.Lab.FineTuning;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>Pictures that an attacker found, as the guard sees them.</summary>
/// <param name="Pictures">In whole levels.</param>
/// <param name="Probability">P(unsafe) by the guard, from the files.</param>
/// <param name="Safe">Whether the guard judges the row safe.</param>
internal sealed record PgdSolution(IReadOnlyList<PixelPlanes> Pictures, double Probability, bool Safe);

/// <summary>What a search saw.</summary>
/// <param name="Solution">The best pictures.</param>
/// <param name="Curve">P(unsafe) by the network at every step, start after start.</param>
/// <param name="Queries">How often network and guard were asked.</param>
internal sealed record PgdOutcome(PgdSolution Solution, IReadOnlyList<double> Curve, long Queries);

/// <summary>Projected gradient descent on P(unsafe) over the pixels of a row's pictures, l-infinity norm (arXiv:1706.06083).</summary>
/// <remarks>
/// x(k+1) = clip(x(k) - step * sign(gradient of logit(unsafe) - logit(safe)), clean - epsilon, clean + epsilon; 0, 255), x [3, H, W] in levels. The gradient is taken
/// at the picture rounded to 8 bits, and rounding passes it on, so the network sees what a file would hold.
/// </remarks>
/// <param name="looks">What the attacker sees.</param>
/// <param name="options">How to search.</param>
/// <param name="threshold">P(unsafe) below which the guard is worth asking.</param>
internal sealed class PgdSearch(PgdLooks looks, PgdOptions options, double threshold)
{
    /// <summary>Attacks a row within an epsilon.</summary>
    /// <param name="target">The row.</param>
    /// <param name="epsilon">The bound.</param>
    /// <param name="known">Pictures within the bound that are known already: the clean ones, or a smaller epsilon's.</param>
    /// <param name="ask">Asks the guard about pictures, through their files.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    public PgdOutcome Run(PgdTarget target, Epsilon epsilon, PgdSolution known, Func<IReadOnlyList<PixelPlanes>, PgdSolution> ask, CancellationToken cancellation)
    {
        var view = new PgdView(ask, known);
        // What is safe already needs no search.
        for (var start = 0; start < options.Restarts && (options.FullBudget || !view.Best.Safe); start++)
        {
            var random = new Random(Seeds.Mix(options.Seed, target.Sample.Id, epsilon.Levels, start));
            var isKnown = start == 0 && (!options.RandomStart || !ReferenceEquals(known.Pictures, target.Clean));
            Descend(target, epsilon, isKnown ? Copy(known.Pictures) : Noise(target.Clean, epsilon, random), view, cancellation);
        }

        view.AskAboutLowest();
        return new PgdOutcome(view.Best, view.Curve, view.Queries);
    }

    private void Descend(PgdTarget target, Epsilon epsilon, PixelPlanes[] pictures, PgdView view, CancellationToken cancellation)
    {
        for (var step = 0; step <= options.Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            var isLast = step == options.Steps;
            var (probability, gradients) = looks.See(target, pictures, gradients: !isLast, cancellation);
            view.See(pictures, probability);
            if (!options.FullBudget && view.Lowest < threshold && view.AskAboutLowest())
            {
                return;
            }

            for (var i = 0; i < pictures.Length && !isLast; i++)
            {
                Step(pictures[i], target.Clean[i], gradients[i], epsilon);
            }
        }
    }

    private void Step(PixelPlanes picture, PixelPlanes clean, float[] gradient, Epsilon epsilon)
    {
        var length = options.StepFor(epsilon);
        for (var i = 0; i < gradient.Length; i++)
        {
            picture.Values[i] = Project(picture.Values[i] - (length * Math.Sign(gradient[i])), clean.Values[i], epsilon.Levels);
        }
    }

    private static float Project(float value, float clean, int levels) => Math.Clamp(value, Math.Max(0, clean - levels), Math.Min(255, clean + levels));

    private static PixelPlanes[] Copy(IReadOnlyList<PixelPlanes> pictures) => [.. pictures.Select(picture => picture with { Values = [.. picture.Values] })];

    private static PixelPlanes[] Noise(IReadOnlyList<PixelPlanes> clean, Epsilon epsilon, Random random) => [.. clean.Select(picture => picture with
    {
        Values = [.. picture.Values.Select(value => Project(value + (epsilon.Levels * ((2 * random.NextSingle()) - 1)), value, epsilon.Levels))],
    })];
}

/// <summary>What one search has seen so far.</summary>
/// <param name="ask">Asks the guard.</param>
/// <param name="known">What was known before.</param>
internal sealed class PgdView(Func<IReadOnlyList<PixelPlanes>, PgdSolution> ask, PgdSolution known)
{
    private IReadOnlyList<PixelPlanes>? _lowest;
    private double _record = double.PositiveInfinity;

    /// <summary>The best pictures by the guard's verdict.</summary>
    public PgdSolution Best { get; private set; } = known;

    /// <summary>P(unsafe) of every step.</summary>
    public List<double> Curve { get; } = [];

    /// <summary>How often network and guard were asked.</summary>
    public long Queries { get; private set; }

    /// <summary>P(unsafe) of the pictures that are lower than all before and that the guard was not asked about yet; infinite where there are none.</summary>
    public double Lowest => _lowest is null ? double.PositiveInfinity : _record;

    /// <summary>Tells what the network says of pictures.</summary>
    public void See(PixelPlanes[] pictures, double probability)
    {
        Queries++;
        Curve.Add(probability);
        if (probability < _record)
        {
            _record = probability;
            _lowest = [.. pictures.Select(picture => PixelPlanes.Of(picture.Round()))];
        }
    }

    /// <summary>Asks the guard about the lowest pictures, once, and keeps them where they are better.</summary>
    /// <returns>Whether it judges them safe.</returns>
    public bool AskAboutLowest()
    {
        if (_lowest is null)
        {
            return false;
        }

        var seen = ask(_lowest);
        _lowest = null;
        Queries++;
        // A success is never given up for a lower number that is none.
        if ((seen.Safe, -seen.Probability).CompareTo((Best.Safe, -Best.Probability)) > 0)
        {
            Best = seen;
        }

        return seen.Safe;
    }
}
