using GuardSharp.Lab.FineTuning;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>Greedy Coordinate Gradient (Zou et al. 2023, arXiv:2307.15043) against a guard's verdict.</summary>
/// <remarks>
/// The loss is -log P(safe) at the verdict's token. Each step asks the gradient which tokens might lower it, draws candidates that differ in one token,
/// computes their loss and goes on from the best, even where that is worse than before. Of several conversations (the paper's algorithm 2) one more
/// counts as soon as those before it are called safe; their losses are added. One call at a time.
/// </remarks>
/// <param name="model">The guard's network.</param>
/// <param name="guard">The guard that has to be convinced: the model's own, or that with a defence around it.</param>
/// <param name="options">How it judges.</param>
/// <param name="settings">Steps and widths.</param>
internal sealed class GcgAttack(GcgModel model, IGuard guard, ClassifyOptions options, GcgSettings settings)
{
    private readonly TypableTokens _vocabulary = new(model.Tokenizer, model.Gradient.Rows, settings.AsciiOnly);
    private readonly double _threshold = options.Threshold ?? guard.Capabilities.Threshold;

    /// <summary>Looks for a suffix.</summary>
    /// <param name="slots">The conversations: one, or several that share it.</param>
    /// <param name="name">Decides, with the seed, what is drawn.</param>
    /// <param name="progress">Told after each step: how many were made, and the mean P(unsafe).</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="GuardException">The guard cannot judge a conversation with a suffix, or no first suffix was found.</exception>
    public async Task<GcgOutcome> RunAsync(IReadOnlyList<SuffixSlot> slots, string name, Action<int, double>? progress, CancellationToken cancellation)
    {
        var random = new Random(Seeds.Mix(settings.Seed, "gcg " + name));
        var suffix = FirstSuffix.Find(settings, _vocabulary, slots, random);
        using var search = new GcgSearch(model, _vocabulary, settings, slots, random, suffix);
        var (best, bestLoss, bestActive, active) = (suffix, double.PositiveInfinity, 1, 1);
        var curve = new List<double>();
        for (var step = 0; ; step++)
        {
            var odds = search.Odds(active);
            var loss = odds.Sum(GcgSearch.Loss);
            if (active > bestActive || loss < bestLoss)
            {
                (best, bestLoss, bestActive) = (search.Suffix, loss, active);
            }

            curve.Add(odds.Average(slots[0].Probability));
            progress?.Invoke(step, curve[^1]);
            while (!settings.AllSteps && await IsSafeAsync(slots, active, search, cancellation).ConfigureAwait(false))
            {
                if (active == slots.Count)
                {
                    return new GcgOutcome(_vocabulary.Text(search.Suffix), search.Suffix, curve, search.Queries, true);
                }

                active++;
            }

            if (step == settings.Steps || !search.Step(active, cancellation))
            {
                break;
            }
        }

        var text = _vocabulary.Text(best);
        return new GcgOutcome(text, best, curve, search.Queries, await AreSafeAsync(slots, text, cancellation).ConfigureAwait(false));
    }

    /// <summary>Asks the guard only where the network alone would say safe: a verdict costs as much as many candidates.</summary>
    private async Task<bool> IsSafeAsync(IReadOnlyList<SuffixSlot> slots, int active, GcgSearch search, CancellationToken cancellation) =>
        search.Odds(active).All(odds => slots[0].Probability(odds) < _threshold)
        && await AreSafeAsync(slots.Take(active), _vocabulary.Text(search.Suffix), cancellation).ConfigureAwait(false);

    private async Task<bool> AreSafeAsync(IEnumerable<SuffixSlot> slots, string text, CancellationToken cancellation)
    {
        foreach (var slot in slots)
        {
            var verdict = await guard.ClassifyAsync(slot.With(text), options, cancellation).ConfigureAwait(false);
            if (verdict.Unsafe)
            {
                return false;
            }
        }

        return true;
    }
}
